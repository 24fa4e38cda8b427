/** What a call of the SDK's that begins a long-running operation is to be given. */
export interface SendOptions {
  abortSignal: AbortSignal;
  onResponse: (response: { status: number }) => void;
}

/**
 * Sends the request that begins a long-running operation and nothing after it. The SDK polls once by itself, and throws
 * where the operation has failed already; aborting as soon as the request is taken spares both.
 */
export async function sendOnly(signal: AbortSignal, send: (options: SendOptions) => Promise<unknown>): Promise<void> {
  const done = new AbortController();
  let taken = false;
  const onResponse = ({ status }: { status: number }) => {
    if (status >= 300) return;
    taken = true;
    done.abort();
  };
  try {
    await send({ abortSignal: AbortSignal.any([signal, done.signal]), onResponse });
  } catch (error) {
    if (!taken) throw error;
  }
}
