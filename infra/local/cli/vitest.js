import { requireNode } from "./node-version.js";

requireNode();
await import(new URL("../../../node_modules/vitest/vitest.mjs", import.meta.url).href);
