import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";

/** What a thread is asked for. */
export interface Asked {
  /** Address of a module. */
  module: string;
  /** Name of a function that it exports. */
  name: string;
  parameters: readonly unknown[];
}

/**
 * What an exported function of a file comes to on plain Node, in a thread of its own: vitest transforms what it imports,
 * so builds cannot be loaded beside a test. Parameters and result are copied.
 * @throws what the function throws.
 */
export async function inThread(folder: string, file: string, name: string, ...parameters: unknown[]): Promise<unknown> {
  const asked: Asked = { module: pathToFileURL(join(folder, file)).href, name, parameters };
  const worker = new Worker(new URL("thread-worker.ts", import.meta.url), { execArgv: [], workerData: asked });
  try {
    return await new Promise((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
      worker.once("exit", (code) => reject(new Error(`The thread ended with ${code} and no result.`)));
    });
  } finally {
    await worker.terminate();
  }
}
