import { describe, expect, it } from "vitest";
import { advance, type Rules } from "../../shared/domain/advance.ts";
import { type Deployment, hasEnded, type Running } from "../../shared/domain/deployment.ts";
import type { Outcome } from "../../shared/domain/outcome.ts";
import { PIPELINE, STEPS } from "../../shared/domain/pipeline.ts";
import { errored, failed } from "../../shared/domain/problem.ts";
import type { Target } from "../../shared/domain/target.ts";
import { BEGUN, firstTarget, found, GENERATION, NOW, RULES, running, stable, target } from "./build.ts";

const HOUR = 3_600_000;

/** Where a transition leads: a step, or an ending. */
function next(deployment: Deployment): string {
  return deployment.phase === "Running" ? deployment.step : deployment.phase;
}

function lead(from: Partial<Running>, outcome: Outcome, on: Target = target(), rules: Rules = RULES, now = NOW) {
  return advance(running(from), on, undefined, outcome, rules, now);
}

interface Course {
  name: string;
  from: Partial<Running>;
  outcome: Outcome;
  leads: string;
  on?: Target;
  rules?: Rules;
}

const cause = failed("container-dead", "it crashed");

describe("the course of a deployment", () => {
  it.each<Course>([
    { name: "a validation that succeeds leads to build", from: {}, outcome: found.success, leads: "build" },
    {
      name: "a validation that found a kept release leads to rollout",
      from: {},
      outcome: { result: "succeeded", found: "it was proven here", work: { release: { id: "r", image: "i" } } },
      leads: "rollout",
    },
    { name: "a build leads to rollout", from: { step: "build" }, outcome: found.success, leads: "rollout" },
    { name: "a rollout leads to verify", from: { step: "rollout" }, outcome: found.success, leads: "verify" },
    {
      name: "a verification of the last stage has succeeded",
      from: { step: "verify", work: BEGUN },
      outcome: found.success,
      leads: "Succeeded",
    },
    {
      name: "a verification of an earlier stage leads to the next stage's rollout",
      from: { step: "verify", work: BEGUN },
      outcome: found.success,
      leads: "rollout",
      rules: { ...RULES, stages: 2 },
    },
    {
      name: "a rollback that succeeds has rolled back",
      from: { step: "rollback", work: BEGUN, cause },
      outcome: found.success,
      leads: "RolledBack",
    },
    {
      name: "a rollback without a stable release ends Failed",
      from: { step: "rollback", work: BEGUN, cause },
      outcome: found.success,
      on: firstTarget(),
      leads: "Failed",
    },
    { name: "a validation that fails ends Rejected", from: {}, outcome: found.failure(), leads: "Rejected" },
    {
      name: "a validation that could not find out never ends Rejected: it ends Failed",
      from: {},
      outcome: found.permanent(),
      leads: "Failed",
    },
    { name: "a build that fails ends Failed", from: { step: "build" }, outcome: found.failure(), leads: "Failed" },
    {
      name: "a build that could not find out ends Failed",
      from: { step: "build" },
      outcome: found.permanent(),
      leads: "Failed",
    },
    {
      name: "a rollout that fails before it has begun ends Rejected",
      from: { step: "rollout" },
      outcome: found.failure("stable-lost"),
      leads: "Rejected",
    },
    {
      name: "a rollout that errored before it has begun ends Failed",
      from: { step: "rollout" },
      outcome: found.permanent(),
      leads: "Failed",
    },
    {
      name: "a rollout that fails after it has begun goes to rollback",
      from: { step: "rollout", work: BEGUN },
      outcome: found.failure(),
      leads: "rollback",
    },
    {
      name: "a rollout that errored after it has begun goes to rollback",
      from: { step: "rollout", work: BEGUN },
      outcome: found.permanent(),
      leads: "rollback",
    },
    {
      name: "a verification that fails goes to rollback",
      from: { step: "verify", work: BEGUN },
      outcome: found.failure("unhealthy"),
      leads: "rollback",
    },
    {
      name: "a rollback that fails ends RollbackFailed",
      from: { step: "rollback", work: BEGUN, cause },
      outcome: found.failure("rollout-stuck"),
      leads: "RollbackFailed",
    },
    {
      name: "a rollback that errored ends RollbackFailed",
      from: { step: "rollback", work: BEGUN, cause },
      outcome: found.permanent(),
      leads: "RollbackFailed",
    },
    {
      name: "a rollback that fails without a stable release ends Failed",
      from: { step: "rollback", work: BEGUN, cause },
      outcome: found.failure(),
      on: firstTarget(),
      leads: "Failed",
    },
  ])("$name", ({ from, outcome, leads, on, rules }) => {
    const { deployment } = lead(from, outcome, on, rules);
    expect(next(deployment)).toBe(leads);
    expect(deployment.sequence).toBe(running().sequence + 1);
  });

  it.each(STEPS)("the step %s stays where it is while it runs", (step) => {
    const { deployment, target: written, started } = lead({ step }, found.running());
    expect(deployment).toMatchObject({ phase: "Running", step, sequence: 5, resumeAt: NOW + 2_000 });
    expect({ written, started }).toEqual({ written: undefined, started: undefined });
  });
});

describe("entering a step", () => {
  it.each([
    { name: "build has its time from now on", step: "validate", deadline: NOW + 3600_000 },
    { name: "rollout has its time from now on", step: "build", deadline: NOW + 600_000 },
  ] as const)("$name", ({ step, deadline }) => {
    const { deployment } = lead({ step, extended: HOUR, transientErrors: 4 }, found.success);
    expect(deployment).toMatchObject({ resumeAt: NOW, deadline, extended: 0, transientErrors: 0 });
  });

  it("the save that enters rollout is the first change: it writes the target", () => {
    expect(lead({ step: "build" }, found.success).target).toEqual({ ...target(), changing: true });
  });

  it("no save before rollout writes the target, so that it does not disturb an accept", () => {
    expect(lead({ step: "validate" }, found.success)).not.toHaveProperty("target");
  });

  it("a further stage applies and measures anew, and knows that the cluster was touched", () => {
    const work = { ...BEGUN, verify: { health: [], predictions: [], inconclusiveRounds: 1 } };
    const { deployment } = lead({ step: "verify", work }, found.success, target(), { ...RULES, stages: 2 });
    expect(deployment).toMatchObject({ step: "rollout", stage: 1 });
    expect(deployment.work).toEqual({ ...BEGUN, rollout: { begun: true, applied: false } });
  });

  it("the way back remembers what it is for", () => {
    const { deployment } = lead({ step: "verify", work: BEGUN, stage: 1 }, found.failure("unhealthy"));
    expect(deployment).toMatchObject({ step: "rollback", stage: 1, cause: { code: "unhealthy" } });
  });

  it("what a visit found replaces what was known entry by entry", () => {
    const gates = [{ gate: "accuracy", value: "0.9", threshold: "above 0.85", passed: true }];
    const { deployment } = lead({ step: "verify", work: BEGUN }, { ...found.success, work: { gates } });
    expect(deployment.work).toEqual({ ...BEGUN, gates });
  });
});

describe("the save that says that the rollout begins", () => {
  const begins: Outcome = {
    ...found.running(0),
    work: { rollout: { begun: true, applied: false, formerly: { since: GENERATION - 100, last: GENERATION - 100 } } },
  };

  it("names this generation as the one that changes the cluster", () => {
    expect(lead({ step: "rollout" }, begins).target).toEqual({ ...target(), changedBy: GENERATION });
  });

  it("names it once: later saves leave the target alone", () => {
    const on = target({ changedBy: GENERATION });
    expect(lead({ step: "rollout", work: BEGUN }, found.running(), on)).not.toHaveProperty("target");
  });

  it("counts only once it is saved: where the time has run out in the same visit, nothing was touched", () => {
    const { deployment, target: written } = lead({ step: "rollout", deadline: NOW }, begins);
    expect(deployment).toMatchObject({ phase: "Failed", changed: false, problem: { code: "timed-out" } });
    expect(deployment.work).not.toHaveProperty("rollout");
    expect(written).not.toHaveProperty("changedBy");
  });
});

describe("the deadline", () => {
  it.each([
    { name: "a step goes on before it", late: -1, leads: "build" },
    { name: "running past it is a failure of kind errored", late: 0, leads: "Failed" },
  ])("$name", ({ late, leads }) => {
    const { deployment } = lead({ step: "build", deadline: NOW - late, resumeAt: NOW }, found.running());
    expect(next(deployment)).toBe(leads);
  });

  it("says what was seen last when it has passed", () => {
    const { deployment } = lead({ step: "build", deadline: NOW }, found.running());
    const problem = errored("timed-out", "The step build ran out of time. Last seen: not yet");
    expect(deployment).toMatchObject({ problem });
  });

  it("does not take back a success that was found after it", () => {
    expect(next(lead({ deadline: NOW - 1 }, found.success).deployment)).toBe("build");
  });

  it("makes a transient error final", () => {
    expect(lead({ deadline: NOW }, found.transient()).deployment).toMatchObject({ problem: { code: "unreachable" } });
  });

  it("is when the last look is taken at the latest", () => {
    expect(lead({ deadline: NOW + 500 }, found.running(60)).deployment).toMatchObject({ resumeAt: NOW + 500 });
  });
});

describe("a gap in which nobody visited", () => {
  /** A verification that should have been visited `gap` ago and had 100 s left then. */
  const absent = (gap: number, extended = 0) =>
    lead({ step: "verify", work: BEGUN, resumeAt: NOW - gap, deadline: NOW - gap + 100_000, extended }, found.running())
      .deployment;

  it.each([
    { name: "up to 20 seconds late is no gap", gap: 20_000, granted: 0 },
    { name: "extends the deadline by the whole of it", gap: 90_000, granted: 90_000 },
    { name: "of two hours does not roll back a healthy release", gap: 2 * HOUR, granted: 2 * HOUR },
  ])("$name", ({ gap, granted }) => {
    expect(absent(gap)).toMatchObject({ step: "verify", extended: granted, deadline: NOW - gap + 100_000 + granted });
  });

  it("extends the deadline by a day at most", () => {
    expect(absent(48 * HOUR)).toMatchObject({ step: "rollback", cause: { code: "timed-out", kind: "errored" } });
  });

  it("counts against what earlier gaps were granted", () => {
    expect(absent(HOUR, 24 * HOUR)).toMatchObject({ step: "rollback", cause: { code: "timed-out" } });
    expect(absent(100_000, 24 * HOUR - 10_000)).toMatchObject({ step: "verify", extended: 24 * HOUR });
  });

  it("is none for a visit before its time", () => {
    expect(absent(-1_000)).toMatchObject({ extended: 0 });
  });
});

describe("transient errors", () => {
  it.each(STEPS)("as many as its row says are borne by %s, further and further apart", (step) => {
    let deployment: Deployment = running({ step, deadline: NOW + 600_000 });
    const delays: number[] = [];
    for (let error = 1; error <= PIPELINE[step].errorsBorne; error++) {
      if (deployment.phase !== "Running") throw new Error(`ended at error ${error}`);
      const now: number = deployment.resumeAt;
      deployment = advance(deployment, target(), undefined, found.transient(), RULES, now).deployment;
      if (deployment.phase === "Running") delays.push((deployment.resumeAt - now) / 1000);
    }
    expect(deployment).toMatchObject({ step, transientErrors: PIPELINE[step].errorsBorne });
    const last = step === "rollback" ? [120, 120, 120, 85] : [];
    expect(delays).toEqual([5, 10, 20, 40, 80, ...last]);
  });

  it.each([
    { name: "the sixth fails a validation", from: { step: "validate" }, leads: "Failed" },
    {
      name: "the sixth sends a rollout that has begun back",
      from: { step: "rollout", work: BEGUN },
      leads: "rollback",
    },
    { name: "the tenth fails a rollback", from: { step: "rollback", work: BEGUN }, leads: "RollbackFailed" },
  ] as const)("$name", ({ from, leads }) => {
    const { errorsBorne } = PIPELINE[from.step];
    expect(next(lead({ ...from, transientErrors: errorsBorne }, found.transient()).deployment)).toBe(leads);
  });

  it("are not forgotten when a visit in between found something", () => {
    expect(lead({ transientErrors: 3 }, found.running()).deployment).toMatchObject({ transientErrors: 3 });
  });

  it("are tried again when the other side asked for it", () => {
    expect(lead({}, found.transient(17)).deployment).toMatchObject({ resumeAt: NOW + 17_000 });
  });

  it("are not tried again sooner than usual, whatever the other side asked for", () => {
    const { deployment } = lead({ transientErrors: 3 }, found.transient(0));
    expect(deployment).toMatchObject({ resumeAt: NOW + 40_000 });
  });
});

describe("an ending", () => {
  it("that is success makes the release stable, on the record and on the target", () => {
    const transition = lead({ step: "verify", work: BEGUN }, found.success);
    const serving = { ...stable("2", GENERATION), releaseId: "release-2", image: "registry/churn@sha256:2" };
    expect(transition.deployment).toMatchObject({ phase: "Succeeded", endedAt: NOW, changed: true, serving });
    expect(transition.target).toMatchObject({ stable: serving, changing: false });
    expect(transition.target).not.toHaveProperty("active");
  });

  it("says what serves, why, and whether anything was changed", () => {
    const { deployment } = lead({ step: "rollback", work: BEGUN, cause }, found.success);
    expect(deployment).toMatchObject({ phase: "RolledBack", serving: stable(), problem: cause, changed: true });
    expect(deployment).not.toHaveProperty("cause");
  });

  it("claims nothing to serve where nothing was proven", () => {
    expect(lead({}, found.failure(), firstTarget()).deployment).not.toHaveProperty("serving");
  });

  it("in RollbackFailed does not claim that the stable release serves", () => {
    const { deployment } = lead({ step: "rollback", work: BEGUN, cause }, found.failure("rollout-stuck"));
    expect(deployment).toMatchObject({ phase: "RollbackFailed", problem: { code: "rollout-stuck" }, cause });
    expect(deployment).not.toHaveProperty("serving");
  });

  it.each<{ name: string; from: Partial<Running>; message: RegExp }>([
    {
      name: "of a verification without a release is no success",
      from: { step: "verify", work: {} },
      message: /verified without a release/,
    },
    {
      name: "of a rollback without a cause says so",
      from: { step: "rollback", work: BEGUN },
      message: /rolled back without a cause/,
    },
  ])("$name", ({ from, message }) => {
    const { deployment } = lead(from, found.success);
    if (!hasEnded(deployment) || deployment.phase === "Succeeded") throw new Error("ended well");
    expect(deployment.problem).toMatchObject({ kind: "errored", code: "unexpected" });
    expect(deployment.problem.message).toMatch(message);
  });
});
