import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { PermanentError, TransientError } from "../../shared/domain/errors.ts";
import type { ProblemCode } from "../../shared/domain/problem.ts";
import { type HostileServer, type Hostility, SECRET } from "./hostile-server.ts";

/** What a call has to make of an answer: an error of a class and code, or, for `returns`, no error at all. */
export type Expected = { is: "transient" | "permanent"; code?: ProblemCode } | { is: "returns" };

const UNREACHABLE: Expected = { is: "transient", code: "unreachable" };
const BAD_ANSWER: Expected = { is: "permanent", code: "bad-answer" };

const USUAL: readonly (readonly [Hostility, Expected])[] = [
  ["silent", UNREACHABLE],
  ["dripping", UNREACHABLE],
  ["resetting", UNREACHABLE],
  ["cut off", UNREACHABLE],
  ["endless", BAD_ANSWER],
  ["no JSON", BAD_ANSWER],
  ["another shape", BAD_ANSWER],
  ["redirecting", BAD_ANSWER],
  [401, { is: "transient", code: "access-denied" }],
  [403, { is: "permanent", code: "access-denied" }],
  [408, UNREACHABLE],
  [429, UNREACHABLE],
  [500, UNREACHABLE],
  [503, UNREACHABLE],
];

/** When a visit's time is over, for answers that never end and for those that do; an adapter's own limits are longer. */
const SHORT_VISIT_MS = 150;
const LONG_VISIT_MS = 5_000;
/** No call may take longer than this, with room for a busy machine. */
const BOUND_MS = 3_000;

/** Runs one call of an adapter against every hostile answer: right class, in bounded time, nothing secret, no redirect followed. */
export function standsHostileAnswers(
  name: string,
  server: () => HostileServer,
  call: (signal: AbortSignal) => Promise<unknown>,
  differently: Partial<Record<Hostility, Expected>> = {},
): void {
  const table = USUAL.map(([hostility, expected]) => ({ hostility, expected: differently[hostility] ?? expected }));
  describe(name, () => {
    it.each(table)("stands an answer that is $hostility", async ({ hostility, expected }) => {
      server().answerWith(hostility);
      const before = server().trapped();
      const started = performance.now();
      const endless = hostility === "silent" || hostility === "dripping";
      const error = await call(AbortSignal.timeout(endless ? SHORT_VISIT_MS : LONG_VISIT_MS)).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(performance.now() - started).toBeLessThan(BOUND_MS);
      expect(server().trapped()).toBe(before);
      checkError(error, expected);
    });
  });
}

/** The error is what was expected, and nothing in it, its causes and their fields repeats a secret. */
export function checkError(error: unknown, expected: Expected): void {
  expect(inspect(error, { depth: 12, showHidden: true })).not.toContain(SECRET);
  if (expected.is === "returns") {
    expect(error).toBeUndefined();
    return;
  }
  expect(error).toBeInstanceOf(expected.is === "transient" ? TransientError : PermanentError);
  if (expected.code !== undefined) expect(error).toMatchObject({ code: expected.code });
}
