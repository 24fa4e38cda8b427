import { onRightNode } from "./node-version.js";

// Of a part of the tests the coverage says nothing; its thresholds are those of all.
const coverage = process.argv.indexOf("--coverage.enabled");
if (coverage !== -1 && process.argv.slice(coverage + 1).some((argument) => !argument.startsWith("--")))
  process.argv.splice(coverage, 1);

await onRightNode(() => import(new URL("../../../node_modules/vitest/vitest.mjs", import.meta.url).href));
