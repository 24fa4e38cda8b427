import { afterEach, describe, expect, it, vi } from "vitest";
import { systemClock } from "../../shared/adapters/clock/system-clock.ts";
import { firstStep } from "../../shared/domain/advance.ts";
import type { Running } from "../../shared/domain/deployment.ts";
import { FencedError, ForeignChangeError, PermanentError, TransientError } from "../../shared/domain/errors.ts";
import type { Outcome } from "../../shared/domain/outcome.ts";
import { newTarget } from "../../shared/domain/target.ts";
import { outcomeOfError } from "../../shared/steps/outcome-of-error.ts";
import { runHandler } from "../../shared/steps/run-handler.ts";
import type { StepHandler, Visiting } from "../../shared/steps/step.ts";
import { createFakeStore } from "../fakes/fake-store.ts";
import { policyFor } from "../pipeline/manifests.ts";

const NOW = 1_790_000_000_000;
const policy = policyFor();
const running: Running = {
  schema: 1,
  target: "churn",
  generation: 10,
  sequence: 4,
  promotion: {
    id: "wish",
    model: "churn-classifier",
    pointer: { kind: "newest" },
    wishedAt: 1,
    origin: { kind: "webhook", deliveryId: "d", event: "e" },
  },
  model: { name: "churn-classifier", version: "1", createdAt: 1, status: "READY" },
  policyId: "p",
  notify: ["log"],
  createdAt: NOW,
  work: {},
  ...firstStep(NOW),
};

/** Runs `handle` as the handler of `validate`, with this record in the store. */
async function run(handle: StepHandler, stored: Running | undefined = running) {
  const store = createFakeStore(() => NOW);
  if (stored !== undefined) await store.save({ target: stored.target, deployments: [{ value: stored }], visits: [] });
  const others: StepHandler = () => Promise.reject(new Error("another step ran"));
  const steps = { validate: handle, build: others, rollout: others, verify: others, rollback: others };
  const message = { target: "churn", generation: 10, sequence: 4 };
  return runHandler(
    { store, steps, clock: systemClock },
    { message, running, target: newTarget("churn"), policy, now: NOW },
  );
}

const SUCCEEDED: Outcome = { result: "succeeded", found: "it is READY" };

afterEach(() => {
  vi.restoreAllMocks();
});

describe("a visit", () => {
  it("hands its step the record, the token of the save that decided it, and the table's time", async () => {
    const seen: Visiting[] = [];
    const ran = await run(async (visiting) => {
      seen.push(visiting);
      return SUCCEEDED;
    });
    expect(ran).toEqual({ outcome: SUCCEEDED, durationMs: expect.any(Number) });
    expect(seen).toMatchObject([{ deployment: running, policy, token: { generation: 10, sequence: 4 }, now: NOW }]);
  });

  it("ends in an outcome whatever the handler throws, also before its first await", async () => {
    const ran = await run(() => {
      throw new TransientError("unreachable", "MLflow gave no answer.");
    });
    expect(ran).toMatchObject({ outcome: { result: "errored", transient: true, problem: { code: "unreachable" } } });
  });

  it("leaves a handler behind that does not heed its signal, and tells that it timed out", async () => {
    const limit = new AbortController();
    const timeout = vi.spyOn(AbortSignal, "timeout").mockReturnValue(limit.signal);
    const ran = run(() => {
      setImmediate(() => limit.abort(new DOMException("It took too long.", "TimeoutError")));
      return new Promise(() => undefined);
    });
    expect(await ran).toMatchObject({
      outcome: { result: "errored", transient: true, problem: { code: "timed-out" } },
    });
    expect(timeout).toHaveBeenCalledWith(240_000);
  });

  it("hands its handler the signal that ends it", async () => {
    const limit = new AbortController();
    vi.spyOn(AbortSignal, "timeout").mockReturnValue(limit.signal);
    let heeded = false;
    await run(({ signal }) => {
      signal.addEventListener("abort", () => {
        heeded = true;
      });
      setImmediate(() => limit.abort());
      return new Promise(() => undefined);
    });
    expect(heeded).toBe(true);
  });

  const fenced: StepHandler = () => Promise.reject(new FencedError("The cluster carries 10.5."));

  it("is stale where the fence held it off and the record went on", async () => {
    expect(await run(fenced, { ...running, sequence: 5 })).toBe("stale");
  });

  it("is stale where the fence held it off and the record is gone", async () => {
    const store = createFakeStore(() => NOW);
    const steps = { validate: fenced, build: fenced, rollout: fenced, verify: fenced, rollback: fenced };
    const message = { target: "churn", generation: 10, sequence: 4 };
    const visited = { message, running, target: newTarget("churn"), policy, now: NOW };
    expect(await runHandler({ store, steps, clock: systemClock }, visited)).toBe("stale");
  });

  it("holds the target where the fence held it off and nobody of ours went on", async () => {
    expect(await run(fenced)).toMatchObject({
      outcome: { result: "errored", transient: false, hold: true, problem: { code: "foreign-change" } },
    });
  });
});

describe("what a handler throws", () => {
  it.each<[string, unknown, object]>([
    [
      "a transient error is tried again, as late as it says",
      new TransientError("access-denied", "no role yet", { retryAfterSeconds: 30 }),
      { transient: true, retryAfterSeconds: 30, found: "no role yet", problem: { code: "access-denied" } },
    ],
    [
      "a transient error that asks for a day is tried again after five minutes",
      new TransientError("unreachable", "busy", { retryAfterSeconds: 86_400 }),
      { transient: true, retryAfterSeconds: 300 },
    ],
    [
      "a permanent error is not tried again",
      new PermanentError("configuration-wrong", "The policy names no cluster."),
      { transient: false, found: "The policy names no cluster.", problem: { code: "configuration-wrong" } },
    ],
    [
      "a change by somebody else holds the target",
      new ForeignChangeError("kubectl owns spec.replicas"),
      { transient: false, hold: true, problem: { code: "foreign-change", message: "kubectl owns spec.replicas" } },
    ],
    [
      "a time-out is tried again",
      new DOMException("The operation was aborted due to timeout", "TimeoutError"),
      { transient: true, problem: { code: "timed-out" } },
    ],
    [
      "an error nobody knows is tried again, with its first line only",
      new TypeError("x is undefined\n    at secret stack"),
      { transient: true, found: "unexpected: TypeError: x is undefined", problem: { code: "unexpected" } },
    ],
    [
      "what is no error at all is tried again, without its text",
      "password=1234",
      { transient: true, found: "unexpected: string", problem: { code: "unexpected" } },
    ],
  ])("%s", (_what, thrown, expected) => {
    const outcome = outcomeOfError(thrown);
    expect(outcome).toMatchObject({ result: "errored", problem: { kind: "errored" }, ...expected });
  });

  it("is bounded where its text is not", () => {
    const outcome = outcomeOfError(new Error("x".repeat(10_000)));
    expect(outcome.found.length).toBeLessThan(300);
  });
});
