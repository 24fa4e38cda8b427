import type { ProblemCode } from "./problem.ts";

interface Details {
  cause?: unknown;
}

/** An outside system could not do it now and may do it later: no answer, time-out, 408, 409, 429, 5xx. */
export class TransientError extends Error {
  override readonly name = "TransientError";
  readonly code: ProblemCode;
  /** How long the other side asked us to wait, where it said so. */
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ProblemCode, message: string, details: Details & { retryAfterSeconds?: number | undefined } = {}) {
    super(message, { cause: details.cause });
    this.code = code;
    this.retryAfterSeconds = details.retryAfterSeconds;
  }
}

/** An outside system refused, and will refuse again until a person changes something. */
export class PermanentError extends Error {
  override readonly name = "PermanentError";
  readonly code: ProblemCode;

  constructor(code: ProblemCode, message: string, details: Details = {}) {
    super(message, { cause: details.cause });
    this.code = code;
  }
}

/** The cluster carries a newer token than this visit's: somebody later decided, this worker must not act. */
export class FencedError extends Error {
  override readonly name = "FencedError";
}

/** Somebody else changed what Belay runs: a token that is neither the target's last nor our own, or a field conflict. */
export class ForeignChangeError extends Error {
  override readonly name = "ForeignChangeError";
}
