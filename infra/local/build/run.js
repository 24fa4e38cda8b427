import { requireNode } from "../cli/node-version.js";

requireNode();
await import("./main.ts");
