import type { BuildState } from "../../ports/image-builder.ts";
import type { RunStanding } from "./task-run.ts";

/** The builder's own words when the Dockerfile, or what it was given, is at fault. */
const BROKEN =
  /(COPY|ADD) failed: (?!.*(does not answer|was answered (408|429|5\d\d)|status code (408|429|5\d\d)))|returned a non-zero code|dockerfile parse error|unknown instruction|failed to (solve|compute cache key)/i;

/** What the builder says when it could not get something, or itself gave way. */
const SERVICE = new RegExp(
  [
    "toomanyrequests|rate limit|too many requests",
    "\\b(429|500|502|503|504)\\b[: ]*(too many|internal server|bad gateway|service unavailable|gateway time)",
    "(was answered|status code:?|unexpected status from \\S+ request to \\S+:) (408|429|5\\d\\d)",
    "TLS handshake timeout|i/o timeout|context deadline exceeded|connection (reset|refused)|no such host|does not answer|unexpected EOF",
    "failed to (download|fetch|acquire)( the)? (context|source|agent)|unable to download (context|source)",
    "no space left on device|agent (was lost|is not available|failed)",
  ].join("|"),
  "i",
);

/** Longest text of the builder's that is repeated. */
const MAX_TEXT = 300;

/** Whether the model or the builder is at fault, by the run's status, its message and the end of its log. */
export function toFailure(
  { status, message, runId }: Extract<RunStanding, { kind: "failed" }>,
  lastLines: readonly string[],
): Extract<BuildState, { kind: "failed" }> {
  const said = withoutQueries(message).slice(0, MAX_TEXT);
  return {
    kind: "failed",
    cause: isBroken(status, [message, ...lastLines].join("\n")) ? "broken" : "service",
    message: `run ${runId ?? "without an id"} ended as ${status}${said === "" ? "" : `: ${said}`}`,
    lastLines,
  };
}

function isBroken(status: string, text: string): boolean {
  if (status !== "Failed") return false;
  return BROKEN.test(text) || !SERVICE.test(text);
}

/** Addresses in a log may be signed: what follows the `?`, and what stands before an `@`, is cut. */
export function withoutQueries(text: string): string {
  return text.replace(/(\bhttps?:\/\/)(?:[^\s/@?#]*@)?([^\s?#"']*)(?:[?#][^\s"']*)?/gi, "$1$2");
}
