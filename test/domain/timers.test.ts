import { describe, expect, it } from "vitest";
import { accept } from "../../shared/domain/accept.ts";
import { commandForgetStable, commandRelease } from "../../shared/domain/command.ts";
import { compareRunning } from "../../shared/domain/daily-check.ts";
import { errored, failed } from "../../shared/domain/problem.ts";
import { reconcile, retryOnceMore } from "../../shared/domain/reconcile.ts";
import type { Release } from "../../shared/domain/release.ts";
import { sweep } from "../../shared/domain/sweep.ts";
import { newTarget } from "../../shared/domain/target.ts";
import { policyFor } from "../pipeline/manifests.ts";
import {
  firstTarget,
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

const DAY = 86_400_000;
const wanted = { model: identity(), policyId: "policy", generation: GENERATION };

describe("an ending that may be mended", () => {
  const compared = (code: Parameters<typeof failed>[0], changes: object = {}) => ({
    policy: policyFor(),
    target: target({ wanted }),
    wanted: unsuccessful({ problem: failed(code, "x") }),
    found: model(),
    ...changes,
  });
  const later = NOW + DAY;

  it.each([
    { name: "held, once the hold is gone", given: compared("held"), kind: "ask" },
    { name: "pointer-moved, once it is back", given: compared("pointer-moved"), kind: "ask" },
    { name: "version-missing, once it is there", given: compared("version-missing"), kind: "ask" },
    { name: "version-not-ready, once it is READY", given: compared("version-not-ready"), kind: "ask" },
    {
      name: "version-not-ready, while it is not",
      given: compared("version-not-ready", { found: { ...model(), status: "FAILED_REGISTRATION" } }),
      kind: "agreed",
    },
    { name: "stable-lost, while there is a stable release", given: compared("stable-lost"), kind: "agreed" },
    {
      name: "stable-lost, once it was forgotten",
      given: compared("stable-lost", { target: firstTarget({ wanted }) }),
      kind: "ask",
    },
    { name: "a gate that was not met", given: compared("gate-failed"), kind: "agreed" },
  ])("$name: $kind", ({ given, kind }) => {
    expect(reconcile(given, later).kind).toBe(kind);
  });

  it("is left to its time", () => {
    expect(reconcile(compared("held"), NOW + 1)).toEqual({ kind: "later", at: NOW + 120_000 });
  });

  it.each([
    { name: "nothing was wanted", changes: { wanted: undefined } },
    { name: "the pointer names nothing", changes: { found: undefined } },
    { name: "it is under way", changes: { wanted: running() } },
    { name: "it is live", changes: { wanted: succeeded() } },
    { name: "another version is wanted", changes: { found: model("3") } },
    { name: "nothing is known of what is wanted", changes: { target: newTarget("churn") } },
    {
      name: "a person holds the target",
      changes: { target: target({ wanted, hold: { reason: failed("held", "x"), since: 1, generation: 1 } }) },
    },
  ])("is not tried once more where $name", ({ changes }) => {
    expect(retryOnceMore({ ...compared("held"), ...changes }).kind).toBe("agreed");
  });

  it("is tried once more a day however often it was tried", () => {
    const tried = promotion({ origin: { kind: "retry", of: 1, attempt: 20 } });
    const ended = unsuccessful({ promotion: tried, problem: errored("unreachable", "x") });
    const given = compared("held", { wanted: ended });
    expect(reconcile(given, later).kind).toBe("agreed");
    expect(retryOnceMore(given)).toEqual({ kind: "ask", origin: { kind: "retry", of: GENERATION, attempt: 21 } });
  });
});

it("a wish by the reconciler for a record that is lost is as old as can be", () => {
  const on = target({ wanted: { ...wanted, model: identity("7") } });
  const wish = {
    promotion: promotion({ origin: { kind: "difference" } }),
    policy: policyFor(),
    policyId: "policy",
    target: on,
  };
  const decision = accept({ ...wish, wanted: undefined, active: undefined, waiting: undefined, found: model() }, NOW);
  expect(decision).toMatchObject({ kind: "commit", accepted: { promotion: { wishedAt: 1 } } });
});

describe("the sweep of one hint", () => {
  const seen = {
    generation: GENERATION,
    hintedAt: NOW,
    swept: { sequence: 0, times: 0, nextAt: 0 },
    target: target(),
    deployment: undefined,
    active: undefined,
    done: [],
  };

  it.each([
    { name: "that no target has heard of is left for a week", changes: { target: undefined }, now: NOW, kind: "leave" },
    {
      name: "that no target has heard of ends then",
      changes: { target: undefined },
      now: NOW + 8 * DAY,
      kind: "remove",
    },
    { name: "of one that waits for nobody is sent", changes: { deployment: waiting() }, now: NOW + DAY, kind: "send" },
    {
      name: "of one that waits for what has ended is sent",
      changes: { deployment: waiting(), active: succeeded() },
      now: NOW + DAY,
      kind: "send",
    },
    {
      name: "of one that waits for what is under way is left",
      changes: { deployment: waiting(), active: running() },
      now: NOW + DAY,
      kind: "leave",
    },
    {
      name: "of an ending that has just come is left",
      changes: { deployment: succeeded() },
      now: NOW + 1,
      kind: "leave",
    },
    {
      name: "of an ending that somebody waits for is sent",
      changes: { deployment: succeeded() },
      now: NOW + DAY,
      kind: "send",
    },
  ])("$name", ({ changes, now, kind }) => {
    expect(sweep({ ...seen, ...changes }, now).kind).toBe(kind);
  });
});

describe("what runs", () => {
  const template = {
    spec: { containers: [{ name: "model", image: "i", envFrom: [{ configMapRef: { name: "config" } }] }] },
  };
  const workload = { kind: "Deployment", metadata: { name: "churn" }, spec: { template } };
  const release = {
    image: "i",
    template: "t",
    workload: "churn",
    hashed: [{ metadata: { name: "config" } }],
    fixed: [workload],
  } as unknown as Release;
  const good = { images: { model: "i" }, label: "t", configuration: ["config"] };
  const token = { generation: GENERATION - 100, sequence: 1 };

  it("is as recorded by the token of what proved it, where nothing has changed it since", () => {
    expect(
      compareRunning({ target: target(), release, objects: [{ name: "Service a", token }], template: good }),
    ).toEqual([]);
  });

  it("is told of where object, template, image or configuration differ", () => {
    const objects = [
      { name: "Service a", token: "absent" as const },
      { name: "Service b", token: undefined },
      { name: "Service c", token: { generation: 5, sequence: 1 } },
      { name: "ConfigMap d", token: { generation: 5, sequence: 1 } },
    ];
    const other = { images: { model: "other" }, label: "another", configuration: [] };
    expect(compareRunning({ target: target(), release, objects, template: other })).toHaveLength(6);
    expect(compareRunning({ target: firstTarget(), release, objects: [], template: undefined })).toEqual([]);
  });

  it("is told of where the model's container is gone, and not of one that others put beside it", () => {
    const without = { ...good, images: { sidecar: "s" } };
    expect(compareRunning({ target: target(), release, objects: [], template: without })).toEqual([
      "churn runs no image in model, not the release's i.",
    ]);
    const beside = { ...good, images: { model: "i", sidecar: "s" } };
    expect(compareRunning({ target: target(), release, objects: [], template: beside })).toEqual([]);
  });
});

it("a command that finds nothing to do says so", () => {
  expect(commandRelease(target())).toMatchObject({ kind: "nothing" });
  expect(commandForgetStable(firstTarget())).toMatchObject({ kind: "nothing" });
  expect(commandForgetStable(target({ stable: stable(), changing: true }))).toMatchObject({ kind: "nothing" });
});
