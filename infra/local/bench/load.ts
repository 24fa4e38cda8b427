import { Worker } from "node:worker_threads";

/** What to send: so many deliveries with distinct ids, over so many connections, each waiting for its answer. */
export interface LoadOrder {
  url: string;
  secret: string;
  /** Of the alias event. */
  data: Readonly<Record<string, string>>;
  /** Epoch milliseconds that all signatures name. */
  signedAt: number;
  requests: number;
  connections: number;
}

export interface LoadResult {
  seconds: number;
  latenciesMs: readonly number[];
  /** How often each status was answered. */
  statuses: Readonly<Record<string, number>>;
}

const LIMIT_MS = 60_000;

/** Sends the deliveries and measures the answers; rejects when one of them is not a 202. */
export async function sendLoad(order: LoadOrder): Promise<LoadResult> {
  const worker = new Worker(new URL("./load-worker.ts", import.meta.url), { workerData: order });
  const { promise, resolve, reject } = Promise.withResolvers<LoadResult>();
  const timer = setTimeout(
    () => reject(new Error(`${order.url} did not answer within ${LIMIT_MS / 1000} s`)),
    LIMIT_MS,
  );
  worker.once("message", resolve).once("error", reject);
  worker.once("exit", (code) => reject(new Error(`The load on ${order.url} ended with code ${code}.`)));
  try {
    const result = await promise;
    if (result.statuses["202"] !== order.requests)
      throw new Error(`${order.url} did not answer every delivery with 202: ${JSON.stringify(result.statuses)}`);
    return result;
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}
