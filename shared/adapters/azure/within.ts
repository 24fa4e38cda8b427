/**
 * Runs a call with a signal that aborts with the caller's or after `timeoutMs`, and stops waiting then:
 * the SDKs do not heed an abort everywhere, a token's exchange for one.
 */
export async function within<T>(
  signal: AbortSignal,
  timeoutMs: number,
  call: (limited: AbortSignal) => Promise<T>,
): Promise<T> {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  limited.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(limited.reason);
  limited.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([call(limited), aborted]);
  } finally {
    limited.removeEventListener("abort", abort);
  }
}
