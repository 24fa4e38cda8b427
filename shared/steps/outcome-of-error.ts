import { FencedError, ForeignChangeError, PermanentError, TransientError } from "../domain/errors.ts";
import type { Outcome } from "../domain/outcome.ts";
import { errored } from "../domain/problem.ts";

/** What a handler threw, as an outcome. Unknown errors are transient but counted. */
export function outcomeOfError(error: unknown): Outcome {
  if (error instanceof TransientError) {
    const { code, message, retryAfterSeconds } = error;
    const retry = retryAfterSeconds === undefined ? {} : { retryAfterSeconds: Math.min(retryAfterSeconds, 300) };
    return { result: "errored", transient: true, problem: errored(code, message), found: message, ...retry };
  }
  if (error instanceof PermanentError)
    return { result: "errored", transient: false, problem: errored(error.code, error.message), found: error.message };
  if (error instanceof ForeignChangeError || error instanceof FencedError) {
    const problem = errored("foreign-change", error.message);
    return { result: "errored", transient: false, hold: true, problem, found: error.message };
  }
  const found = isTimeout(error) ? "the visit took too long and was stopped" : `unexpected: ${describe(error)}`;
  return {
    result: "errored",
    transient: true,
    problem: errored(isTimeout(error) ? "timed-out" : "unexpected", found),
    found,
  };
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === "TimeoutError";
}

/** Only the kind and the first line: an unknown error's text may hold anything. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  return `${error.name}: ${error.message.split("\n")[0]?.slice(0, 200)}`;
}
