import { createRequire } from "node:module";

/** What the worker gives to `@azure/functions`, as far as it is used here. */
interface WorkerCore {
  registerFunction: (metadata: Metadata, callback: unknown) => { dispose(): void };
}
interface Metadata {
  bindings: Readonly<Record<string, { type: string }>>;
}

// The HTTP functions alone: with nobody to take them, the bus keeps every message for the test to look at.
const core: WorkerCore = createRequire(import.meta.url)("@azure/functions-core");
const register = core.registerFunction;
core.registerFunction = (metadata, callback) =>
  Object.values(metadata.bindings).some(({ type }) => type === "httpTrigger")
    ? register(metadata, callback)
    : { dispose: () => undefined };

await import("../../functions/index.ts");
