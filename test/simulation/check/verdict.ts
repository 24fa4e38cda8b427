/** A broken promise: which one, and how it showed. */
export interface Violation {
  /** `I1` to `I14`, as the architecture names what always holds. */
  invariant: string;
  what: string;
  /** Virtual milliseconds since the start. */
  at: number;
}

/** A history judged like a queue. */
export interface Verdict {
  violation: Violation | undefined;
  /** Deployments by ending. */
  endings: Readonly<Record<string, number>>;
  /** Promotions that were accepted. */
  asked: number;
  /** Of these, how many have ended. */
  done: number;
  /** Deployments that met a transient error, a lost lock, a rollback or a retry and ended all the same. */
  recovered: number;
}
