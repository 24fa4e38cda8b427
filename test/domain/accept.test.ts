import { describe, expect, it } from "vitest";
import { accept, type Decision, type Wish } from "../../shared/domain/accept.ts";
import { hasEnded } from "../../shared/domain/deployment.ts";
import { failed } from "../../shared/domain/problem.ts";
import { newTarget, type Target } from "../../shared/domain/target.ts";
import { policyFor } from "../pipeline/manifests.ts";
import {
  GENERATION,
  identity,
  model,
  NOW,
  promotion,
  running,
  stable,
  succeeded,
  target,
  unsuccessful,
  waiting,
} from "./build.ts";

function wish(changes: Partial<Wish> = {}): Wish {
  return {
    promotion: promotion(),
    policy: policyFor(),
    policyId: "policy",
    target: newTarget("churn"),
    wanted: undefined,
    active: undefined,
    waiting: undefined,
    found: model(),
    ...changes,
  };
}

function committed(decision: Decision): Extract<Decision, { kind: "commit" }> {
  if (decision.kind !== "commit") throw new Error("taken for a repeat");
  return decision;
}

const wanted = (version: string, generation = GENERATION) => ({
  model: identity(version),
  policyId: "policy",
  generation,
});

describe("the first promotion of a target", () => {
  const decision = committed(accept(wish(), NOW));

  it("starts at once, as one transaction of target and record", () => {
    expect(decision.deployments).toEqual([decision.accepted]);
    expect(decision.accepted).toMatchObject({
      ...{ phase: "Running", step: "validate", sequence: 1, generation: GENERATION, model: model() },
      ...{ promotion: promotion(), policyId: "policy", notify: ["log", "webhook"], createdAt: NOW, work: {} },
    });
    expect(decision.target).toEqual({
      ...newTarget("churn"),
      ...{ generation: GENERATION, active: GENERATION, wanted: wanted("2") },
    });
  });
});

describe("generations", () => {
  it.each([
    { name: "start at the epoch second", last: 0, now: NOW, next: GENERATION },
    { name: "are whole numbers", last: 0, now: NOW + 999, next: GENERATION },
    { name: "rise even when two promotions come in one second", last: GENERATION, now: NOW, next: GENERATION + 1 },
    { name: "rise even when the clock went back", last: GENERATION, now: NOW - 86_400_000, next: GENERATION + 1 },
    { name: "catch up with the clock", last: 7, now: NOW, next: GENERATION },
  ])("$name", ({ last, now, next }) => {
    const { target: written, accepted } = committed(
      accept(wish({ target: { ...newTarget("churn"), generation: last } }), now),
    );
    expect([written.generation, written.wanted?.generation, accepted.generation]).toEqual([next, next, next]);
  });
});

describe("a repeat", () => {
  const on = target({ wanted: wanted("2") });
  const ended = succeeded({ endedAt: NOW });

  it.each<{ name: string; given: Partial<Wish>; repeats: boolean }>([
    {
      name: "is a wish for what the target wants and is working on",
      given: { wanted: running(), promotion: promotion({ id: "another", wishedAt: NOW + 1 }) },
      repeats: true,
    },
    { name: "is a wish for what waits", given: { wanted: waiting({ model: model() }) }, repeats: true },
    {
      name: "is an older wish for what has ended",
      given: { wanted: ended, promotion: promotion({ wishedAt: NOW }) },
      repeats: true,
    },
    {
      name: "is not a wish signed after the ending: it is new",
      given: { wanted: ended, promotion: promotion({ id: "another", wishedAt: NOW + 1 }) },
      repeats: false,
    },
    {
      name: "is the very wish that has ended, whatever its clock says",
      given: { wanted: ended, promotion: promotion({ wishedAt: NOW + 120_000 }) },
      repeats: true,
    },
    {
      name: "is a wish signed later while the deployment is under way",
      given: { wanted: running(), promotion: promotion({ wishedAt: NOW + 1 }) },
      repeats: true,
    },
    {
      name: "is not a later wish under another policy",
      given: { wanted: running(), policyId: "new", promotion: promotion({ id: "another" }) },
      repeats: false,
    },
    {
      name: "is an earlier wish, whatever the policy has become",
      given: { wanted: running(), policyId: "new", promotion: promotion({ id: "another", wishedAt: NOW - 120_000 }) },
      repeats: true,
    },
    {
      name: "is the very wish, whatever the policy has become",
      given: { wanted: running(), policyId: "new" },
      repeats: true,
    },
    {
      name: "is an event on the version that is live, however new",
      given: {
        target: target({ wanted: wanted("2"), stable: stable("2", GENERATION) }),
        wanted: ended,
        promotion: promotion({ id: "another", wishedAt: NOW + 1 }),
      },
      repeats: true,
    },
    {
      name: "is not a person's word for the version that is live",
      given: {
        target: target({ wanted: wanted("2"), stable: stable("2", GENERATION) }),
        wanted: ended,
        promotion: promotion({ id: "another", wishedAt: NOW + 1, origin: { kind: "person", by: "Ada" } }),
      },
      repeats: false,
    },
    {
      name: "is what the reconciler sees that is wanted already",
      given: {
        wanted: ended,
        promotion: promotion({ id: "another", wishedAt: NOW + 1, origin: { kind: "difference" } }),
      },
      repeats: true,
    },
    {
      name: "is not the reconciler's new try of that very ending",
      given: {
        wanted: ended,
        promotion: promotion({ id: "another", origin: { kind: "retry", of: GENERATION, attempt: 1 } }),
      },
      repeats: false,
    },
    {
      name: "is the reconciler's new try of an ending that is past",
      given: {
        wanted: ended,
        promotion: promotion({ id: "another", origin: { kind: "retry", of: GENERATION - 1, attempt: 1 } }),
      },
      repeats: true,
    },
    { name: "is not a wish for another version", given: { wanted: running(), found: model("3") }, repeats: false },
    {
      name: "is not a wish for the same number of a model made anew",
      given: { wanted: running(), found: { ...model(), createdAt: 1 } },
      repeats: false,
    },
    {
      name: "is only what the target wants, not what it runs",
      given: { target: target({ wanted: wanted("3") }), wanted: waiting(), active: running() },
      repeats: false,
    },
    { name: "needs the record of what is wanted", given: { wanted: undefined }, repeats: false },
  ])("$name", ({ given, repeats }) => {
    const decision = accept(wish({ target: on, ...given }), NOW + 2);
    expect(decision.kind).toBe(repeats ? "repeat" : "commit");
    if (decision.kind === "repeat") expect(decision.deployment).toBe(given.wanted);
  });

  it("of a pointer that points nowhere is refused once only", () => {
    const nowhere = wish({ found: undefined });
    const first = committed(accept(nowhere, NOW));
    const again = accept({ ...nowhere, target: first.target, wanted: first.accepted }, NOW + 1_000);
    expect(again).toEqual({ kind: "repeat", deployment: first.accepted });
  });
});

describe("a refusal", () => {
  const quarantine = [{ model: identity(), endedAt: NOW }];
  const hold = { reason: failed("foreign-change", "x"), since: NOW, generation: 1 };

  it.each<{ name: string; given: Partial<Wish>; code: string }>([
    { name: "for quarantine is recorded", given: { target: target({ quarantine }) }, code: "quarantined" },
    { name: "for a hold is recorded", given: { target: target({ hold }) }, code: "held" },
    { name: "for a missing alias is recorded", given: { found: undefined }, code: "pointer-missing" },
  ])("$name, and moves what is wanted, so that nobody asks for ever", ({ given, code }) => {
    const decision = committed(accept(wish({ target: target(), active: running(), ...given }), NOW));
    expect(decision.accepted).toMatchObject({ phase: "Rejected", sequence: 1, problem: { code }, changed: false });
    expect(decision.deployments).toEqual([decision.accepted]);
    expect(decision.target.wanted?.generation).toBe(decision.accepted.generation);
  });

  it("leaves what is under way alone", () => {
    const on = target({ quarantine, changing: true, waiting: GENERATION + 5 });
    const decision = committed(accept(wish({ target: on, active: running(), waiting: waiting() }), NOW));
    expect(decision.target).toMatchObject({ active: GENERATION, waiting: GENERATION + 5, changing: true });
  });

  it.each([
    { name: "names the version that was asked for", promotion: promotion({ version: "9" }), version: "9" },
    { name: "says unknown where the wish named none", promotion: unversioned(), version: "unknown" },
  ])("of a pointer to nothing $name", ({ promotion: asked, version }) => {
    const { accepted } = committed(accept(wish({ found: undefined, promotion: asked }), NOW));
    expect(accepted).toMatchObject({
      model: { name: "churn-classifier", version, status: "MISSING" },
      problem: { message: "The alias champion of churn-classifier points to no version." },
    });
  });
});

function unversioned() {
  const { version: _version, ...rest } = promotion();
  return rest;
}

describe("before the first change", () => {
  const on = target({ wanted: wanted("1") });
  const decision = committed(accept(wish({ target: on, active: running(), found: model("3") }), NOW));
  const next = GENERATION + 1;

  it("a newer promotion supersedes the active deployment at once", () => {
    const [accepted, former, ...more] = decision.deployments;
    expect(accepted).toMatchObject({ phase: "Running", generation: next, linked: [GENERATION] });
    expect(former).toMatchObject({ phase: "Superseded", generation: GENERATION, sequence: 5, changed: false });
    expect(former).toMatchObject({
      problem: {
        ...{ kind: "failed", code: "superseded" },
        message: `churn-classifier version 3 took its place before anything was changed (churn.${next}).`,
      },
    });
    expect(more).toEqual([]);
  });

  it("the accepted record is the one that is written", () => {
    expect(decision.deployments).toContain(decision.accepted);
  });

  it("the target is written, so that a save that enters rollout and this accept exclude each other", () => {
    expect(decision.target).toMatchObject({ active: next, changing: false, stable: stable() });
  });

  it("an active deployment that has ended is nothing to supersede", () => {
    const { deployments } = committed(accept(wish({ target: on, active: succeeded(), found: model("3") }), NOW));
    expect(deployments).toMatchObject([{ phase: "Running" }]);
    expect(deployments[0]).not.toHaveProperty("linked");
  });
});

describe("after the first change", () => {
  const on = (changes: Partial<Target> = {}) => target({ changing: true, ...changes });
  const active = running({ step: "rollout" });

  it("a newer promotion waits, and looks by itself after a minute", () => {
    const decision = committed(accept(wish({ target: on(), active, found: model("3") }), NOW));
    expect(decision.deployments).toEqual([decision.accepted]);
    expect(decision.accepted).toMatchObject({ phase: "Waiting", sequence: 1, resumeAt: NOW + 60_000 });
    expect(decision.target).toMatchObject({ active: GENERATION, waiting: GENERATION + 1, changing: true });
  });

  it("only the newest waiting one is kept", () => {
    const former = waiting({ generation: GENERATION + 5 });
    const given = { target: on({ waiting: former.generation, generation: GENERATION + 5 }), active, waiting: former };
    const decision = committed(accept(wish({ ...given, found: model("4") }), NOW));
    expect(decision.target).toMatchObject({ active: GENERATION, waiting: GENERATION + 6 });
    expect(decision.deployments).toMatchObject([
      { phase: "Waiting", generation: GENERATION + 6, linked: [GENERATION + 5] },
      { phase: "Superseded", generation: GENERATION + 5, sequence: 2 },
    ]);
    expect(decision.deployments).toContain(decision.accepted);
  });

  it("a waiting one that has ended is nothing to supersede", () => {
    const given = { target: on({ waiting: GENERATION + 5 }), active, waiting: unsuccessful() };
    const { deployments } = committed(accept(wish({ ...given, found: model("4") }), NOW));
    expect(deployments.filter(hasEnded)).toEqual([]);
  });

  it("what was active and is no more keeps nobody waiting", () => {
    const { accepted } = committed(accept(wish({ target: on(), active: succeeded(), found: model("3") }), NOW));
    expect(accepted.phase).toBe("Running");
  });
});
