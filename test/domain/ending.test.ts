import { describe, expect, it } from "vitest";
import { endUnsuccessfully, identityOf, refusal, targetAfterEnding } from "../../shared/domain/ending.ts";
import { errored, failed, type Problem, type ProblemCode } from "../../shared/domain/problem.ts";
import { MAX_QUARANTINE } from "../../shared/domain/target.ts";
import {
  GENERATION,
  identity,
  model,
  NOW,
  running,
  stable,
  succeeded,
  target,
  unsuccessful,
  waiting,
} from "./build.ts";

const OTHERS_FAULTS: readonly ProblemCode[] = [
  "pointer-missing",
  "pointer-moved",
  "version-missing",
  "version-not-ready",
  "quarantined",
  "held",
  "superseded",
  "stable-lost",
  "foreign-change",
  "release-invalid",
];
const MODELS_FAULTS: readonly ProblemCode[] = [
  "gate-failed",
  "gate-unmeasured",
  "no-samples",
  "build-broken",
  "build-too-large",
  "container-dead",
  "rollout-stuck",
  "unhealthy",
  "prediction-wrong",
];

function quarantineAfter(problem: Problem, cause?: Problem) {
  const ended = unsuccessful({ problem, ...(cause === undefined ? {} : { cause }) });
  return targetAfterEnding(target(), ended, false).quarantine;
}

describe("quarantine", () => {
  it.each(MODELS_FAULTS)("blames the model for %s", (code) => {
    expect(quarantineAfter(failed(code, "bad"))).toEqual([{ model: identity(), endedAt: NOW }]);
  });

  it.each(OTHERS_FAULTS)("does not blame the model for %s", (code) => {
    expect(quarantineAfter(failed(code, "bad"))).toEqual([]);
  });

  it.each(["unreachable", "timed-out", "unhealthy"] as const)("does not blame the model for an errored %s", (code) => {
    expect(quarantineAfter(errored(code, "no idea"))).toEqual([]);
  });

  it("blames by what the rollback was for, not by how the rollback went", () => {
    expect(quarantineAfter(errored("unreachable", "x"), failed("unhealthy", "sick"))).toHaveLength(1);
    expect(quarantineAfter(failed("rollout-stuck", "x"), errored("timed-out", "late"))).toHaveLength(0);
  });

  it("is bounded: the oldest are forgotten", () => {
    const full = Array.from({ length: MAX_QUARANTINE }, (_, at) => ({ model: identity(`${at + 100}`), endedAt: at }));
    const { quarantine } = targetAfterEnding(target({ quarantine: full }), unsuccessful(), false);
    expect(quarantine).toHaveLength(MAX_QUARANTINE);
    expect(quarantine[0]).toEqual({ model: identity(), endedAt: NOW });
    expect(quarantine.at(-1)).toEqual(full.at(-2));
  });

  it("keeps one entry for a version, the latest", () => {
    const quarantine = [{ model: identity(), endedAt: 1 }];
    const after = targetAfterEnding(target({ quarantine }), unsuccessful(), false);
    expect(after.quarantine).toEqual([{ model: identity(), endedAt: NOW }]);
  });

  it("is lifted by the version's success, and of no other version", () => {
    const other = { model: identity("7"), endedAt: 2 };
    const quarantine = [{ model: identity(), endedAt: 1 }, other];
    expect(targetAfterEnding(target({ quarantine }), succeeded(), false).quarantine).toEqual([other]);
  });
});

describe("the target after an ending", () => {
  it("is idle and keeps its stable release when the ending is no success", () => {
    const after = targetAfterEnding(target({ changing: true }), unsuccessful(), false);
    expect(after).toMatchObject({ changing: false, stable: stable() });
    expect(after).not.toHaveProperty("active");
  });

  it("takes over what a success has proven", () => {
    expect(targetAfterEnding(target(), succeeded(), false).stable).toEqual(stable("2", GENERATION));
  });
});

describe("a refusal", () => {
  const quarantined = target({ quarantine: [{ model: identity(), endedAt: NOW }] });
  const held = target({ hold: { reason: failed("foreign-change", "kubectl was here"), since: NOW, generation: 1 } });

  it.each([
    { name: "there is none on a target that is free", on: target(), wishedAt: 0, code: undefined },
    { name: "a held target refuses everything", on: held, wishedAt: NOW + 1, code: "held" },
    { name: "an older wish for a quarantined version is refused", on: quarantined, wishedAt: NOW, code: "quarantined" },
    { name: "a wish signed after the ending is new", on: quarantined, wishedAt: NOW + 1, code: undefined },
  ])("$name", ({ on, wishedAt, code }) => {
    expect(refusal(on, identity(), wishedAt)?.code).toBe(code);
  });

  it("of one version says nothing about another", () => {
    expect(refusal(quarantined, identity("3"), 0)).toBeUndefined();
  });

  it("of a version says nothing about one of the same number in a model made anew", () => {
    expect(refusal(quarantined, { ...identity(), createdAt: 5 }, 0)).toBeUndefined();
  });

  it("says since when and why", () => {
    expect(refusal(held, identity(), 0)?.message).toBe(
      "The target is held since 2026-09-21T14:13:20.000Z: kubectl was here",
    );
    expect(refusal(quarantined, identity(), 0)?.message).toContain("2026-09-21T14:13:20.000Z");
  });
});

describe("a record that ends", () => {
  const problem = failed("gate-failed", "bad");

  it("keeps what every phase shares and drops what only a running one has", () => {
    const { schema, target: name, generation, promotion, policyId, notify, createdAt, work } = running();
    expect(endUnsuccessfully(running(), "Rejected", problem, target(), NOW)).toEqual({
      ...{ schema, target: name, generation, promotion, model: model(), policyId, notify, createdAt, work },
      ...{ phase: "Rejected", sequence: 5, problem, endedAt: NOW, changed: false, serving: stable() },
    });
  });

  it("may have waited: then nothing led to it", () => {
    const ended = endUnsuccessfully(waiting(), "Superseded", problem, target(), NOW);
    expect(ended).toMatchObject({ phase: "Superseded", sequence: 2, changed: false });
    expect(ended).not.toHaveProperty("cause");
  });

  it("names the model without what the registry says about it", () => {
    expect(identityOf(model())).toEqual(identity());
  });
});
