import type { ServiceBusClient } from "@azure/service-bus";

/** One client for all calls; one that could not be made is made anew by the next call. */
export function clientOnce(open: () => Promise<ServiceBusClient>): () => Promise<ServiceBusClient> {
  let client: Promise<ServiceBusClient> | undefined;
  return () => {
    client ??= open().catch((error: unknown) => {
      client = undefined;
      throw error;
    });
    return client;
  };
}

/** The SDK does not heed an abort everywhere; waiting ends all the same, with the signal's reason. */
export function within<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
