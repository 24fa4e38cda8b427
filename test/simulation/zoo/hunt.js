import { onRightNode } from "../../../infra/local/cli/node-version.js";

await onRightNode(() => import("./main.ts"));
