import { setFlagsFromString } from "node:v8";
import { onRightNode } from "./node-version.js";

await onRightNode(async () => {
  // Loading the stand-ins leaves much garbage at once; a young generation that does not grow keeps 55 MiB of it away.
  setFlagsFromString("--semi-space-growth-factor=1");
  const { main } = await import("./belay.ts");
  await main(process.argv.slice(2));
});
