/** The worker's own time. It bounds waiting and stamps messages; what is decided goes by the table's clock. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  /** Aborts after so many milliseconds, with a `TimeoutError` as its reason. */
  timeout(ms: number): AbortSignal;
}
