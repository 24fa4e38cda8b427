import { describe, expect, it } from "vitest";
import { advance, startWaiting } from "../../shared/domain/advance.ts";
import type { Running, Waiting } from "../../shared/domain/deployment.ts";
import type { Outcome } from "../../shared/domain/outcome.ts";
import { errored, failed } from "../../shared/domain/problem.ts";
import type { Target } from "../../shared/domain/target.ts";
import {
  BEGUN,
  firstTarget,
  found,
  GENERATION,
  identity,
  model,
  NOW,
  promotion,
  RULES,
  running,
  target,
  waiting,
} from "./build.ts";

function end(from: Partial<Running>, outcome: Outcome, on: Target = target(), next?: Waiting) {
  return advance(running(from), on, next, outcome, RULES, NOW);
}

describe("a target is held", () => {
  it.each<{ name: string; from: Partial<Running>; outcome: Outcome; on?: Target; code: string }>([
    {
      name: "after RollbackFailed",
      from: { step: "rollback", work: BEGUN, cause: failed("unhealthy", "sick") },
      outcome: found.failure("rollout-stuck"),
      code: "rollout-stuck",
    },
    {
      name: "after a change by somebody else that was seen before anything was applied",
      from: { step: "rollout" },
      outcome: found.foreignChange,
      code: "foreign-change",
    },
    {
      name: "after a change by somebody else even where the way back went well",
      from: { step: "rollback", work: BEGUN, cause: errored("foreign-change", "a field conflict") },
      outcome: found.success,
      code: "foreign-change",
    },
    {
      name: "after a change by somebody else that was seen on a way back to nothing",
      from: { step: "rollback", work: BEGUN, cause: failed("unhealthy", "sick") },
      outcome: found.foreignChange,
      on: firstTarget(),
      code: "foreign-change",
    },
  ])("$name", ({ from, outcome, on, code }) => {
    const { target: written } = end(from, outcome, on);
    expect(written?.hold).toMatchObject({ reason: { code }, since: NOW, generation: GENERATION });
  });

  it.each<{ name: string; from: Partial<Running>; outcome: Outcome }>([
    { name: "not by a success", from: { step: "verify", work: BEGUN }, outcome: found.success },
    { name: "not by a rejection", from: {}, outcome: found.failure("gate-failed") },
    {
      name: "not by a rollback that went well",
      from: { step: "rollback", work: BEGUN, cause: failed("unhealthy", "sick") },
      outcome: found.success,
    },
  ])("$name", ({ from, outcome }) => {
    expect(end(from, outcome).target).not.toHaveProperty("hold");
  });

  it("until a person lets go: no ending lifts it", () => {
    const hold = { reason: errored("foreign-change", "x"), since: 1, generation: 1 };
    expect(end({ step: "verify", work: BEGUN }, found.success, target({ hold })).target).toMatchObject({ hold });
  });
});

describe("the ending starts the waiting one", () => {
  const next = waiting({ work: {}, linked: [GENERATION + 2] });
  const on = (changes: Partial<Target> = {}) => target({ changing: true, waiting: next.generation, ...changes });

  it("in the same transition", () => {
    const transition = end({ step: "verify", work: BEGUN }, found.success, on(), next);
    expect(transition.deployment).toMatchObject({ phase: "Succeeded", linked: [next.generation] });
    expect(transition.started).toMatchObject({ phase: "Running", step: "validate", sequence: 2, resumeAt: NOW });
    expect(transition.started).toMatchObject({ deadline: NOW + 300_000, stage: 0, transientErrors: 0, extended: 0 });
    expect(transition.target).toMatchObject({ active: next.generation, changing: false });
    expect(transition.target).not.toHaveProperty("waiting");
  });

  it("and remembers whom it had replaced, so that they are told too", () => {
    const { deployment, started } = end({ linked: [GENERATION - 1] }, found.failure(), on(), next);
    expect(deployment.linked).toEqual([GENERATION - 1, next.generation]);
    expect(started?.linked).toEqual([GENERATION + 2]);
  });

  it.each<{ name: string; from: Partial<Running>; outcome: Outcome; code: string; next: Waiting }>([
    {
      name: "and checks quarantine again: the version has just failed here",
      from: { step: "rollback", work: BEGUN, cause: failed("unhealthy", "sick") },
      outcome: found.success,
      code: "quarantined",
      next: { ...next, model: model("2") },
    },
    {
      name: "and checks holds again: the rollback has just failed",
      from: { step: "rollback", work: BEGUN, cause: failed("unhealthy", "sick") },
      outcome: found.failure(),
      code: "held",
      next,
    },
  ])("$name", ({ from, outcome, code, next: waits }) => {
    const { started, target: written } = end(from, outcome, on(), waits);
    expect(started).toMatchObject({ phase: "Rejected", sequence: 2, changed: false, problem: { code } });
    expect(written).not.toHaveProperty("waiting");
    expect(written).not.toHaveProperty("active");
  });

  it("and takes a wish for the version that failed when it was signed after that", () => {
    const entry = { model: identity("3"), endedAt: NOW - 5_000 };
    const fresh = { ...next, promotion: promotion({ wishedAt: NOW - 4_999 }) };
    const { deployment, target: written } = startWaiting(fresh, target({ quarantine: [entry] }), NOW);
    expect(deployment).toMatchObject({ phase: "Running", generation: next.generation });
    expect(written.quarantine).toEqual([entry]);
  });
});
