import { onRightNode } from "../local/cli/node-version.js";

await onRightNode(async () => {
  const { main } = await import("./main.ts");
  process.exitCode = await main(process.argv.slice(2));
});
