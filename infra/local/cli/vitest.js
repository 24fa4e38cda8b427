import { requireNode } from "./node-version.js";

requireNode();
await import("../../../node_modules/vitest/vitest.mjs");
