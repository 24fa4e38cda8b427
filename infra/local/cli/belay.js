import { requireNode } from "./node-version.js";

requireNode();
const { main } = await import("./belay.ts");
await main(process.argv.slice(2));
