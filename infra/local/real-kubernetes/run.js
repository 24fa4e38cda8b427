import { onRightNode } from "../cli/node-version.js";

await onRightNode(() => import("./run.ts"));
