import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createMlflowHttp } from "../../shared/adapters/mlflow/mlflow-http.ts";
import { createMlflowRegistry } from "../../shared/adapters/mlflow/model-registry.ts";
import { openContext } from "../../shared/steps/build-context.ts";

/** Bytes read between two collections of garbage: V8 by itself lets 64 MiB of dead buffers lie first. */
const COLLECT_EVERY = 2 * 1024 * 1024;

/** Reads the context of a model of so many bytes from the MLflow at the address; resolves to the highest memory. */
async function read(address: string, bytes: number): Promise<number> {
  const parts = {
    template: { hash: "t", files: [{ path: "Dockerfile", content: Buffer.from("FROM scratch") }] },
    version: { name: "churn", version: "1", createdAt: 1, status: "READY" },
    artifacts: [{ path: `${bytes}.bin`, bytes }],
  };
  let peak = 0;
  let uncollected = 0;
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      uncollected += chunk.byteLength;
      if (uncollected > COLLECT_EVERY) {
        uncollected = 0;
        globalThis.gc?.();
      }
      peak = Math.max(peak, process.memoryUsage.rss());
      done();
    },
  });
  const registry = createMlflowRegistry(createMlflowHttp(new URL(address)));
  await pipeline(await openContext(registry, parts, AbortSignal.timeout(60_000)), sink);
  return peak;
}

const [, , address = "", bytes = ""] = process.argv;
// So that what is loaded at first use is not counted as the model's.
await read(address, 64 * 1024);
globalThis.gc?.();
const before = process.memoryUsage.rss();
process.stdout.write(JSON.stringify({ grownBytes: (await read(address, Number(bytes))) - before }));
