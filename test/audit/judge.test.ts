import { describe, expect, it } from "vitest";
import { MAX_HISTORY, type TargetEvidence } from "../../shared/audit/evidence.ts";
import { isClean, judge, standing, totalOf } from "../../shared/audit/judge.ts";
import type { Ended, Running } from "../../shared/domain/deployment.ts";
import { failed } from "../../shared/domain/problem.ts";
import type { Target } from "../../shared/domain/target.ts";
import { GENERATION, identity, model, NOW, promotion, running, waiting } from "../domain/build.ts";
import {
  CLUSTER,
  deployment,
  ENDED_AT,
  evidence,
  historyOf,
  live,
  RELEASE,
  STABLE,
  seen,
  TARGET,
  target,
  visit,
  WORKLOAD,
} from "./evidence.ts";

const GRACE = { graceMs: 300_000 };
const judged = (changes: Partial<TargetEvidence>) => judge(evidence(target(changes)), GRACE);
const foundOn = (one: TargetEvidence) =>
  judge(evidence(one), GRACE).findings.map(({ kind, code, about }) => [kind, code, about].filter(Boolean).join(" "));
const found = (changes: Partial<TargetEvidence>) => foundOn(target(changes));

const open = running({ generation: GENERATION + 3, promotion: promotion({ id: "another wish" }) });
const waits = waiting({ promotion: promotion({ id: "a third wish" }), resumeAt: NOW - GRACE.graceMs - 1 });
const active: Target = { ...TARGET, active: open.generation };
/** A deployment under way after the one that is live, and the target's row that names it. */
const under = (changes: Partial<Running>, record = active): Partial<TargetEvidence> => ({
  record,
  deployments: [deployment(live()), deployment({ ...open, ...changes })],
});

describe("what is as it should be", () => {
  it("counts as asked and done, and nothing is found", () => {
    const judgement = judged({});
    expect(judgement.findings).toEqual([]);
    expect(isClean(judgement)).toBe(true);
    expect(judgement.targets).toEqual([
      { target: "churn", asked: 1, done: 1, underWay: 0, lost: 0, double: 0, unexpected: 0, recovered: 0 },
    ]);
  });

  it.each<[string, Partial<TargetEvidence>]>([
    ["a pointer that points nowhere", { pointer: { described: "alias champion of churn-classifier" } }],
    ["a deployment within its time", under({ resumeAt: NOW - GRACE.graceMs })],
    [
      "one that waits for a deployment under way",
      {
        record: { ...active, waiting: waits.generation },
        deployments: [deployment(live()), deployment(open), deployment(waits)],
      },
    ],
    [
      "an ending nobody was told of yet",
      { deployments: [deployment(live({ endedAt: NOW - GRACE.graceMs }), { told: [] })] },
    ],
    [
      "an ending of which nobody looked who was told",
      { deployments: [{ record: live(), history: historyOf(live()) }] },
    ],
    [
      "a cluster that changes while a deployment is under way",
      { ...under({ resumeAt: NOW }), cluster: { fixed: [], owned: [] } },
    ],
    ["a build that came to a second attempt", { builds: [{ key: "k", succeeded: ["belay-k-2"] }] }],
    [
      "a history too long to be read to its end",
      {
        deployments: [
          deployment(live({ sequence: 900 }), {
            history: historyOf(live({ sequence: MAX_HISTORY })).map((one) => ({ ...one, next: "verify" })),
          }),
        ],
      },
    ],
    [
      "what an ending left behind a moment ago",
      {
        deployments: [deployment(live({ endedAt: NOW - 1_000 }))],
        cluster: {
          ...CLUSTER,
          owned: [seen(RELEASE.fixed[0] ?? { apiVersion: "", kind: "", metadata: { name: "" } }, { key: "left" })],
        },
      },
    ],
  ])("%s is no finding", (_name, changes) => {
    expect(found(changes)).toEqual([]);
  });
});

describe("where nothing was ever proven", () => {
  /** The only deployment failed; its workload has so many replicas. */
  const unproven = (specReplicas: number, mayServeUnproven: boolean): TargetEvidence => {
    const { stable: _release, ...rest } = target({ mayServeUnproven });
    const { stable: _stable, ...record } = TARGET;
    const { serving: _serving, ...ended } = live();
    const failure = deployment({ ...ended, phase: "Failed", problem: failed("unhealthy", "No.") });
    const cluster = { workload: { ...WORKLOAD, specReplicas }, fixed: [], owned: [] };
    return { ...rest, record, cluster, deployments: [failure] };
  };

  it.each<[string, number, boolean, readonly string[]]>([
    ["pods that run are unexpected", 3, false, ["unexpected not-stable unproven"]],
    ["a workload at zero is as it should be", 0, false, []],
    ["pods run where the policy keeps what failed", 3, true, []],
  ])("%s", (_name, replicas, kept, expected) => {
    expect(foundOn(unproven(replicas, kept))).toEqual(expected);
  });
});

describe("lost", () => {
  it.each<[string, Partial<TargetEvidence>, string]>([
    [
      "the registry names a version that is not wanted",
      { pointer: { described: "alias champion of churn-classifier", found: identity("3") } },
      "lost not-taken 3",
    ],
    ["no visit came when one was due", under({ resumeAt: NOW - GRACE.graceMs - 1 }), "lost stands-still"],
    ["an open deployment is not the target's", under({ resumeAt: NOW }, TARGET), "lost stands-still"],
    [
      "one waits although nothing is under way any more",
      {
        record: { ...TARGET, waiting: waits.generation },
        deployments: [deployment(live()), deployment(waits)],
      },
      "lost stands-still",
    ],
    [
      "one waits although the deployment before it has ended",
      {
        record: { ...TARGET, active: GENERATION, waiting: waits.generation },
        deployments: [deployment(live()), deployment(waits)],
      },
      "lost stands-still",
    ],
    [
      "a notifier was not told of an ending",
      { deployments: [deployment(live({ notify: ["log", "slack"] }), { told: ["log", "prune"] })] },
      "lost not-told slack",
    ],
  ])("%s", (_name, changes, expected) => {
    expect(found(changes)).toEqual([expected]);
  });

  it("a version nobody took counts as asked, and an open deployment that stands still is not under way", () => {
    const pointer = { described: "alias champion of churn-classifier", found: identity("3") };
    const { targets } = judged({ pointer, ...under({ resumeAt: 0 }) });
    expect(targets).toMatchObject([{ asked: 3, done: 1, underWay: 0, lost: 2 }]);
  });

  it("a target that never took anything has lost what the registry asks of it", () => {
    const { record: _record, stable: _stable, cluster: _cluster, ...untouched } = target({ deployments: [] });
    expect(judge(evidence(untouched), GRACE).findings).toMatchObject([{ code: "not-taken", about: "2" }]);
  });
});

describe("double", () => {
  const history = (changes: Parameters<typeof historyOf>[1], sequence = 5): Partial<TargetEvidence> => {
    const record = live({ sequence });
    return { deployments: [deployment(record, { history: historyOf(record, changes) })] };
  };

  it.each<[string, Partial<TargetEvidence>, readonly string[]]>([
    [
      "a promotion was accepted as two generations",
      {
        deployments: [
          deployment(live()),
          deployment(live({ generation: GENERATION - 7 })),
          deployment(live({ generation: GENERATION - 9, promotion: promotion({ id: "another" }) })),
        ],
      },
      ["double accepted-twice wish"],
    ],
    [
      "a stage was applied under two tokens",
      history({ 2: { applied: "rollout 0" }, 4: { applied: "rollout 0" } }),
      ["double applied-twice 4"],
    ],
    [
      "a way back was applied under two tokens",
      history({ 2: { applied: "rollback" }, 4: { applied: "rollback" } }),
      ["double applied-twice 4"],
    ],
    [
      "two visits have the same sequence",
      { deployments: [deployment(live(), { history: [...historyOf(live()), visit(3)] })] },
      ["double sequence-twice 3"],
    ],
    [
      "a save came after the ending",
      history({ 3: { next: "Succeeded" } }),
      ["double saved-after-ending 4", "double saved-after-ending 5"],
    ],
    [
      "a visit came after the ended record",
      { deployments: [deployment(live(), { history: [...historyOf(live()), visit(6)] })] },
      ["double saved-after-ending 6"],
    ],
    [
      "an image was built twice under one key",
      { builds: [{ key: "k", succeeded: ["belay-k-1", "belay-k-2"] }] },
      ["double built-twice k"],
    ],
  ])("%s", (_name, changes, expected) => {
    expect(found(changes)).toEqual(expected);
  });

  it.each([
    ["another version, because the registry had moved on", { model: model("3") }, {}],
    [
      "the same version after another one was asked for",
      {},
      { model: model("3"), promotion: promotion({ id: "another" }) },
    ],
  ])("a message that comes again is taken for %s", (_name, first, between) => {
    const before = [
      deployment(live({ generation: GENERATION - 9, ...first })),
      deployment(live({ generation: GENERATION - 7, promotion: promotion({ id: "between" }), ...between })),
    ];
    expect(found({ deployments: [deployment(live()), ...before] })).toEqual([]);
  });

  it.each([
    ["one stage after the other", { 2: { applied: "rollout 0" }, 4: { applied: "rollout 1" } }],
    ["forward and back", { 2: { applied: "rollout 0" }, 3: { applied: "rollout 0" }, 4: { applied: "rollback" } }],
  ])("applied %s is once each", (_name, changes) => {
    expect(found(history(changes))).toEqual([]);
  });
});

describe("unexpected", () => {
  const onCluster = (changes: Partial<typeof CLUSTER>): Partial<TargetEvidence> => ({
    cluster: { ...CLUSTER, ...changes },
  });
  const workload = (changes: Partial<typeof WORKLOAD>) => onCluster({ workload: { ...WORKLOAD, ...changes } });
  const template = (changes: Partial<NonNullable<typeof WORKLOAD.template>>) =>
    workload({ template: { images: {}, configuration: [], ...WORKLOAD.template, ...changes } });
  const stable = { release: RELEASE, imageExists: true, kept: target().stable?.kept ?? [] };
  const [service = { apiVersion: "v1", kind: "Service", metadata: { name: "churn" } }] = RELEASE.fixed;
  const left = seen({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "left", namespace: "models" } });

  it.each<[string, Partial<TargetEvidence>, readonly string[]]>([
    [
      "a target is held",
      {
        record: {
          ...TARGET,
          hold: { reason: failed("foreign-change", "Somebody."), since: NOW, generation: GENERATION },
        },
      },
      ["unexpected held"],
    ],
    [
      "a history lacks a visit",
      { deployments: [deployment(live(), { history: historyOf(live()).filter(({ sequence }) => sequence !== 3) })] },
      ["unexpected history-gap 3"],
    ],
    [
      "the stable release's row is gone",
      { stable: { imageExists: true, kept: stable.kept } },
      ["unexpected stable-missing release"],
    ],
    ["the stable image is gone", { stable: { ...stable, imageExists: false } }, ["unexpected stable-missing image"]],
    [
      "the stable release was proven by a deployment with another image",
      { deployments: [deployment(live({ serving: { ...STABLE, image: "another@sha256:1" } }))] },
      ["unexpected stable-missing proof"],
    ],
    [
      "the workload is gone",
      { cluster: { fixed: CLUSTER.fixed, owned: CLUSTER.owned } },
      ["unexpected not-stable workload"],
    ],
    ["another image runs", template({ images: { model: "other@sha256:1" } }), ["unexpected not-stable image of model"]],
    ["another template runs", template({ label: "other" }), ["unexpected not-stable template"]],
    ["another configuration runs", template({ configuration: ["a", "b"] }), ["unexpected not-stable configuration"]],
    ["a pod is not available", workload({ availableReplicas: 2 }), ["unexpected not-stable pods"]],
    ["a pod of another template is there", workload({ replicas: 4 }), ["unexpected not-stable pods"]],
    [
      "the workload is at zero",
      workload({ specReplicas: 0, replicas: 0, updatedReplicas: 0, availableReplicas: 0 }),
      ["unexpected not-stable pods"],
    ],
    [
      "an object of the release is gone",
      onCluster({ fixed: [seen(service, { present: false })] }),
      ["unexpected not-stable Service churn"],
    ],
    [
      "an object carries another deployment's token",
      onCluster({ fixed: [seen(service, { token: { generation: GENERATION - 1, sequence: 4 } })] }),
      ["unexpected foreign-token Service churn"],
    ],
    [
      "an object carries no token",
      onCluster({ fixed: [{ described: "Service churn", key: "k", present: true }] }),
      ["unexpected foreign-token Service churn"],
    ],
    [
      "something lies there that no kept release has",
      onCluster({ owned: [left] }),
      ["unexpected left-behind ConfigMap left"],
    ],
    [
      "something without a token lies there",
      onCluster({ owned: [{ described: "ConfigMap left", key: "left", present: true }] }),
      ["unexpected left-behind ConfigMap left"],
    ],
  ])("%s", (_name, changes, expected) => {
    expect(found(changes)).toEqual(expected);
  });

  it("a hold of a person's says whose it is", () => {
    const hold = { reason: failed("stopped", "Stopped."), since: NOW, generation: GENERATION, by: "ops" };
    expect(judged({ record: { ...TARGET, hold } }).findings[0]?.sentence).toContain("by ops");
  });
});

it("every sentence names the target, and the deployment where it is about one", () => {
  const record = live({ notify: ["slack"] });
  const { findings } = judged({
    pointer: { described: "alias champion of churn-classifier", found: identity("3") },
    deployments: [deployment(record, { told: [], history: [visit(1), visit(1)] })],
    builds: [{ key: "k", succeeded: ["a", "b"] }],
    stable: { imageExists: false, kept: [] },
    cluster: { fixed: [{ described: "Service churn", key: "k", present: false }], owned: CLUSTER.owned },
  });
  expect(findings.length).toBeGreaterThan(7);
  for (const { sentence, target: name, deployment: id } of findings) {
    expect(sentence).toMatch(/^churn: .*(look|Look).*\.$/);
    expect(sentence).toContain(id ?? name);
  }
});

describe("recovered", () => {
  const from = (changes: Parameters<typeof historyOf>[1], record: Ended = live()) =>
    judge(
      evidence(target({ deployments: [deployment(record, { history: historyOf(record, changes) })] })),
      GRACE,
    ).recovered.flatMap((one) => one.from);

  it.each([
    ["an error that passed", { 3: { result: "errored" } }, ["transient error"]],
    ["an error that decided", { 3: { result: "errored", next: "rollback" } }, []],
    ["a visit that came late", { 3: { at: ENDED_AT + 5_001 } }, ["message tried again"]],
    ["a visit that came in time", { 3: { at: ENDED_AT + 5_000 } }, []],
    ["a gap in which nobody came", { 3: { at: ENDED_AT + 60_001 } }, ["deadline extended"]],
    ["the end of waiting for another deployment", { 2: { next: "Waiting" }, 3: { at: ENDED_AT + 60_001 } }, []],
    ["being replaced by a newer promotion", { 3: { step: "accept", at: ENDED_AT + 60_001 } }, []],
  ])("%s: %o is %o", (_name, changes, expected) => {
    expect(from(changes)).toEqual(expected);
  });

  it("a rollback", () => {
    const record: Ended = { ...live(), phase: "RolledBack", problem: failed("unhealthy", "No.") };
    expect(from({}, record)).toEqual(["rollback"]);
  });

  it("counts a deployment once, and none that is open", () => {
    const changes = { 2: { result: "errored" }, 3: { at: ENDED_AT + 9_000 } };
    const ended = deployment(live(), { history: historyOf(live(), changes) });
    expect(judged({ deployments: [ended] }).targets).toMatchObject([{ recovered: 1 }]);
    const going = { record: open, history: historyOf(open, changes) };
    expect(judged({ record: active, deployments: [going] }).targets).toMatchObject([{ recovered: 0, underWay: 1 }]);
  });
});

describe("two looks", () => {
  const lost = evidence(target({ pointer: { described: "alias champion of churn-classifier", found: identity("3") } }));
  const moved = evidence(
    target({ pointer: { described: "alias champion of churn-classifier", found: identity("4") } }),
  );

  it("what both saw stands, with the later look's numbers", () => {
    const judgement = standing(judge(lost, GRACE), lost, judge(lost, GRACE));
    expect(judgement.findings).toMatchObject([{ code: "not-taken", about: "3" }]);
    expect(judgement.targets).toMatchObject([{ asked: 2, lost: 1 }]);
  });

  it("what only one of them saw was on its way", () => {
    expect(standing(judge(evidence(target()), GRACE), lost, judge(lost, GRACE)).findings).toEqual([]);
    expect(standing(judge(lost, GRACE), moved, judge(moved, GRACE)).findings).toEqual([]);
  });
});

it("the total is the sum over the targets", () => {
  const { targets } = judge(evidence(target(), target({ ...under({ resumeAt: NOW }), target: "fraud" })), GRACE);
  expect(totalOf(targets)).toMatchObject({ target: "total", asked: 3, done: 2, underWay: 1 });
});
