import { onRightNode } from "./node-version.js";

await onRightNode(() => import(new URL("../../../node_modules/vitest/vitest.mjs", import.meta.url).href));
