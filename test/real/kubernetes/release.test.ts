import { resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { readManifests } from "../../../shared/config/read-manifests.ts";
import type { Ended } from "../../../shared/domain/deployment.ts";
import { FencedError, ForeignChangeError } from "../../../shared/domain/errors.ts";
import type { TargetPolicy } from "../../../shared/domain/policy.ts";
import { failed } from "../../../shared/domain/problem.ts";
import type { KubernetesObject, Release } from "../../../shared/domain/release.ts";
import { renderRelease } from "../../../shared/domain/render-release.ts";
import { rolloutStatus } from "../../../shared/domain/rollout-status.ts";
import { newTarget } from "../../../shared/domain/target.ts";
import type { Token } from "../../../shared/domain/token.ts";
import type { Cluster, ClusterAccess } from "../../../shared/ports/cluster.ts";
import { applyChange } from "../../../shared/steps/apply-release.ts";
import { outcomeOfError } from "../../../shared/steps/outcome-of-error.ts";
import { createPrune } from "../../../shared/steps/prune.ts";
import { lookAtRollout, type RolloutLook } from "../../../shared/steps/watch-rollout.ts";
import { createFakeStore } from "../../fakes/fake-store.ts";
import { removeNamespace } from "../../local/kubernetes/real-cluster.ts";
import { policyFor } from "../../pipeline/manifests.ts";
import { type Administrator, becomeAdministrator, openAs } from "./administrator.ts";
import { setUpBelay } from "./belay-account.ts";
import { joinProcessNode, type ProcessNode } from "./process-node.ts";

const BASE = resolve(import.meta.dirname, "../../../infra/kubernetes");
const NAMESPACE = "releases";
const TARGET = "churn";
const LOOK_MS = 200;
const LIMIT_MS = 90_000;
/** Both new pods at once, so that a rollout takes the time of one. */
const ROLLOUT = { ...policyFor().rollout, replicas: 2, maxSurge: 2, maxUnavailable: 0 };

/** One test after the other, on one workload: what the first leaves is what the next begins with. */
let admin: Administrator;
let node: ProcessNode;
let access: ClusterAccess;
let first: Release;
let second: Release;
let crashing: Release;

beforeAll(async () => {
  admin = await becomeAdministrator();
  access = await openAs(await setUpBelay(admin, NAMESPACE, { standard: true }), NAMESPACE);
  node = await joinProcessNode(admin);
  const linear = (bias: number) => ({ kind: "linear", features: ["years", "complaints"], weights: [0, 0], bias });
  first = await render("1", linear(1));
  second = await render("2", linear(2));
  crashing = await render("3", { kind: "forest" }, { ...ROLLOUT, timeoutSeconds: 10 });
});
afterAll(async () => {
  if (admin !== undefined) await removeNamespace(admin.core, NAMESPACE);
  await node?.leave();
  await admin?.leave();
});

async function render(version: string, weights: object, rollout: TargetPolicy["rollout"] = ROLLOUT): Promise<Release> {
  const image = await node.pushModel("churn", version, weights);
  const model = { name: "churn-classifier", version, createdAt: 1 };
  const base = hurried(await readManifests(BASE));
  return renderRelease(base, policyFor({ namespace: NAMESPACE, rollout }), model, image, []);
}

/** The same manifests with short waits: for and between probes, and before a pod that is to leave stops answering. */
function hurried(base: readonly KubernetesObject[]): readonly KubernetesObject[] {
  const waits = /"(initialDelaySeconds|periodSeconds|seconds|terminationGracePeriodSeconds)":\d+/g;
  return JSON.parse(JSON.stringify(base).replace(waits, '"$1":1'));
}

const limit = () => AbortSignal.timeout(LIMIT_MS);
const at = (generation: number, sequence = 1): Token => ({ generation, sequence });

/** One visit that applies; the generation before it may have changed the target. */
function apply({ id: releaseId, hashed, fixed }: Release, token: Token, cluster: Cluster = access.cluster) {
  const formerly = { since: 1, last: Math.max(1, token.generation - 1) };
  return applyChange(cluster, { releaseId, hashed, fixed, token, formerly }, limit());
}

/** Looks as the rollout step does until it is decided; `meanwhile` runs between the looks. */
async function decided(
  release: Release,
  meanwhile: () => Promise<unknown> = async () => undefined,
): Promise<RolloutLook> {
  const end = Date.now() + LIMIT_MS;
  while (Date.now() < end) {
    const look = await lookAtRollout(access.cluster, release, limit());
    if (look.kind !== "waiting") return look;
    await meanwhile();
    await delay(LOOK_MS);
  }
  throw new Error(`the rollout of ${release.model.version} was not decided within ${LIMIT_MS / 1000} s`);
}

const predict = () => access.prober.postService(first.service, "/predict", { instances: [[1, 1]] }, 5, limit());
const predicted = (value: number) => ({ kind: "answer", status: 200, body: JSON.stringify({ predictions: [value] }) });

/** What kubectl and Belay say of the workload at the same moment; nothing where it moved on in between. */
async function bothSay(): Promise<{ belay: string; kubectl: string } | undefined> {
  const look = () => access.cluster.workload(first.workload, limit());
  const before = await look();
  const { code, out } = await admin.kubectl(
    ...["-n", NAMESPACE, "rollout", "status", `deployment/${first.workload}`, "--watch=false"],
  );
  const after = await look();
  if (before === undefined || JSON.stringify(before) !== JSON.stringify(after)) return undefined;
  const kubectl = code !== 0 ? "failed" : out.includes("successfully rolled out") ? "done" : "waiting";
  return { belay: rolloutStatus(before).kind, kubectl };
}

const tokenOf = async (kind: string, apiVersion: string) =>
  (await access.cluster.read({ apiVersion, kind, metadata: { name: first.workload } }, limit()))?.token;

const configurations = async () =>
  (await access.cluster.listOwned(TARGET, limit()))
    .filter(({ reference }) => reference.kind === "ConfigMap")
    .map(({ reference }) => reference.metadata.name)
    .sort();
const configurationOf = ({ hashed }: Release) => hashed.map(({ metadata }) => metadata.name);

describe("a release rendered from the base manifests", () => {
  test("goes live, and kubectl says of its rollout what Belay says", async () => {
    const said: unknown[] = [];
    await apply(first, at(1));
    const look = await decided(first, async () => said.push(await bothSay()));
    expect(look).toMatchObject({ kind: "done", found: expect.stringContaining("new pods are available") });
    said.push(await bothSay());
    const agreed = said.filter((one) => one !== undefined);
    for (const one of agreed)
      expect([
        { belay: "waiting", kubectl: "waiting" },
        { belay: "done", kubectl: "done" },
      ]).toContainEqual(one);
    expect(new Set(agreed.map((one) => JSON.stringify(one))).size).toBe(2);
  });

  test("has pods that are processes and answer through the pod and service proxies", async () => {
    const pods = await access.cluster.pods(first.template, limit());
    expect(pods.length).toBeGreaterThanOrEqual(2);
    for (const { name } of pods)
      expect(await access.prober.getPod(name, first.containerPort, "/ready", 5, limit())).toMatchObject({
        kind: "answer",
        status: 200,
        body: '{"status":"ready"}',
      });
    await vi.waitFor(async () => expect(await predict()).toMatchObject(predicted(1)), { timeout: 5_000, interval: 50 });
  });

  test("is followed by a second one without a prediction lost", async () => {
    const answers: unknown[] = [];
    await apply(second, at(2));
    const look = await decided(second, async () => answers.push(await predict()));
    expect(look).toMatchObject({ kind: "done" });
    expect(answers.length).toBeGreaterThan(5);
    for (const answer of answers)
      expect(answer).toMatchObject({ status: 200, body: expect.stringMatching(/^\{"predictions":\[[12]\]\}$/) });
    await vi.waitFor(async () => expect(await predict()).toMatchObject(predicted(2)), { timeout: 5_000, interval: 50 });
  });
});

describe("a release whose container dies", () => {
  test("is proven dead with its last lines, while the old pods go on serving", async () => {
    await apply(crashing, at(3));
    const look = await decided(crashing);
    expect(look).toMatchObject({ kind: "failed", mayPass: false, problem: { code: "container-dead" } });
    expect(look).toMatchObject({ problem: { message: expect.stringContaining("CrashLoopBackOff") } });
    expect(JSON.stringify(look)).toContain("cannot load model/model.json");
    expect(await predict()).toMatchObject(predicted(2));
  });

  test("has failed for kubectl, too, once its deadline is over", async () => {
    await vi.waitFor(async () => expect(await bothSay()).toEqual({ belay: "failed", kubectl: "failed" }), {
      timeout: 30_000,
      interval: LOOK_MS,
    });
  });

  test("gives way to the first release, which serves again", async () => {
    await apply(first, at(3, 2));
    const end = Date.now() + LIMIT_MS;
    // A way back waits where the failed rollout's own verdict still stands.
    for (;;) {
      const look = await lookAtRollout(access.cluster, first, limit());
      if (look.kind === "done") break;
      expect(look).not.toMatchObject({ mayPass: false });
      expect(Date.now()).toBeLessThan(end);
      await delay(LOOK_MS);
    }
    await vi.waitFor(async () => expect(await predict()).toMatchObject(predicted(1)), { timeout: 5_000, interval: 50 });
    expect(await access.cluster.pods(crashing.template, limit())).toEqual([]);
  });

  test("leaves nothing behind once it is pruned", async () => {
    expect(await configurations()).toEqual([first, second, crashing].flatMap(configurationOf).sort());
    await pruneAfterRollback();
    expect(await configurations()).toEqual(configurationOf(first));
    expect(await predict()).toMatchObject(predicted(1));
  });
});

describe("who else changes the target", () => {
  const setImage = async (image: string) => {
    const { code } = await admin.kubectl(
      "-n",
      NAMESPACE,
      "set",
      "image",
      `deployment/${first.workload}`,
      `model=${image}`,
    );
    expect(code).toBe(0);
  };
  const imagesNow = async () => (await access.cluster.workload(first.workload, limit()))?.template?.images;

  test("by setting its image by hand: Belay does not force it, and holds the target", async () => {
    await setImage(crashing.image);
    const error = await apply(second, at(4)).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(ForeignChangeError);
    expect(error).toMatchObject({ message: expect.stringContaining(".image") });
    expect(outcomeOfError(error)).toMatchObject({ transient: false, hold: true, problem: { code: "foreign-change" } });
    expect(await imagesNow()).toEqual({ model: crashing.image });
    await setImage(first.image);
  });

  test("a worker that was frozen before its apply changes nothing when it wakes", async () => {
    const asleep = Promise.withResolvers<void>();
    const woken = Promise.withResolvers<void>();
    const sleepy: Cluster = {
      ...access.cluster,
      apply: async (object, seen, signal) => {
        if (object.kind === "Service") {
          asleep.resolve();
          await woken.promise;
        }
        return access.cluster.apply(object, seen, signal);
      },
    };
    const late = apply(second, at(5), sleepy).catch((error: unknown) => error);
    await asleep.promise;
    await apply(first, at(6));
    const before = await access.cluster.workload(first.workload, limit());
    woken.resolve();
    expect(await late).toBeInstanceOf(FencedError);
    expect(await tokenOf("Service", "v1")).toEqual(at(6));
    expect(await tokenOf("Deployment", "apps/v1")).toEqual(at(6));
    expect((await access.cluster.workload(first.workload, limit()))?.generation).toBe(before?.generation);
    expect(await decided(first)).toMatchObject({ kind: "done" });
  });
});

test("the node had nothing to try again", () => {
  expect(node.wrong).toEqual([]);
});

/** One look of the prune step, as the table has it after the rollback to the first release. */
async function pruneAfterRollback(): Promise<void> {
  const store = createFakeStore(Date.now);
  const stable = { releaseId: first.id, model: first.model, image: first.image, generation: 1, policyId: "p" };
  const problem = failed("container-dead", "it died");
  const ended: Ended = {
    ...{ schema: 1, target: TARGET, generation: 3, sequence: 9, policyId: "p", notify: [], work: {} },
    ...{ createdAt: 1, endedAt: Date.now(), changed: true, phase: "RolledBack", problem },
    model: { ...crashing.model, status: "READY" },
    promotion: {
      ...{ id: "w", model: crashing.model.name, pointer: { kind: "alias", alias: "champion" }, wishedAt: 1 },
      origin: { kind: "difference" },
    },
  };
  const target = { ...newTarget(TARGET), generation: 3, changedBy: 3, stable };
  await store.putBundle(TARGET, "release", first.id, JSON.stringify(first));
  await store.save({ target: TARGET, record: { value: target }, deployments: [{ value: ended }], visits: [] });
  const prune = createPrune({
    store,
    openCluster: async () => access,
    readPolicy: async () => policyFor({ namespace: NAMESPACE }),
    clock: { now: Date.now, timeout: (ms) => AbortSignal.timeout(ms) },
    log: () => undefined,
  });
  await prune({ target: TARGET, generation: 3, sequence: 9, look: "prune" });
}
