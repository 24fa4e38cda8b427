import { beforeEach, describe, expect, it, vi } from "vitest";
import { ForeignChangeError } from "../../shared/domain/errors.ts";
import { ANNOTATIONS, type KubernetesObject, LABELS } from "../../shared/domain/release.ts";
import { proofOfDeath, rolloutStatus } from "../../shared/domain/rollout-status.ts";
import type { Cluster, ClusterAccess, ObservedObject, OwnedObject } from "../../shared/ports/cluster.ts";
import type { Previewer } from "../../shared/ports/previewer.ts";

/** How the pods of a workload turn out. */
export type PodFate = "good" | "unhealthy" | "crash";

/** An empty namespace, and what others do in it. */
export interface ClusterStage {
  access: ClusterAccess;
  /** The port that the pods' container listens on. */
  port: number;
  /** What the pods run; where it makes no difference, one that is nowhere. */
  image?: string;
  /** Somebody else changes what Belay does not own. */
  touch(configMap: string): Promise<void>;
  /** Somebody else takes the ConfigMap's `LEVEL` and sets it to `theirs`. */
  takeOver(configMap: string): Promise<void>;
  /** Another worker deletes it and makes it again under the same name. */
  recreate(configMap: string): Promise<void>;
  data(configMap: string): Promise<Readonly<Record<string, string>> | undefined>;
  /** The pods of every workload come to their state. */
  settle(fate: PodFate): Promise<void>;
}

const TARGET = "churn";
const signal = AbortSignal.timeout(60_000);

function config(name: string, data: Record<string, string>, token = "7.1", target = TARGET): KubernetesObject {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, labels: { [LABELS.target]: target }, annotations: { [ANNOTATIONS.token]: token } },
    data,
  };
}

function workload(port: number, image = "app:1"): KubernetesObject {
  const labels = { app: "model", [LABELS.template]: "t1" };
  const ports = [{ name: "http", containerPort: port }];
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "model", labels: { [LABELS.target]: TARGET }, annotations: { [ANNOTATIONS.token]: "7.1" } },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: "model" } },
      template: { metadata: { labels }, spec: { containers: [{ name: "model", image, ports }] } },
    },
  };
}

const SERVICE: KubernetesObject = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "model", labels: { [LABELS.target]: TARGET }, annotations: { [ANNOTATIONS.token]: "7.1" } },
  spec: { selector: { app: "model" }, ports: [{ name: "http", port: 80, targetPort: "http" }] },
};

/** What every cluster owes; run on the fake and on the adapter. */
export function clusterContract(name: string, open: () => Promise<ClusterStage>): void {
  describe(`cluster: ${name}`, () => {
    let stage: ClusterStage;
    let cluster: Cluster;
    let previewer: Previewer;
    beforeEach(async () => {
      stage = await open();
      ({ cluster, previewer } = stage.access);
    });

    const seen = async (object: KubernetesObject): Promise<ObservedObject> => {
      const observed = await cluster.read(object, signal);
      if (observed === undefined) throw new Error(`${object.metadata.name} is not there`);
      return observed;
    };
    const owned = async (object: KubernetesObject): Promise<OwnedObject> => ({
      ...(await seen(object)),
      reference: object,
    });

    it("answers", async () => {
      await expect(cluster.ping(signal)).resolves.toBeUndefined();
    });

    it("sees nothing where nothing is", async () => {
      expect(await cluster.read(config("absent", {}), signal)).toBeUndefined();
      expect(await cluster.workload("absent", signal)).toBeUndefined();
      expect(await cluster.pods("absent", signal)).toEqual([]);
      expect(await cluster.listOwned(TARGET, signal)).toEqual([]);
    });

    it("creates what is absent and reads its token and labels back", async () => {
      const object = config("a", { LEVEL: "ours" }, "1790000000.12");
      expect(await cluster.apply(object, undefined, signal)).toBe("applied");
      const observed = await seen(object);
      expect(observed.token).toEqual({ generation: 1_790_000_000, sequence: 12 });
      expect(observed.labels).toEqual({ [LABELS.target]: TARGET });
      expect(observed.uid).not.toBe("");
    });

    it("reads no token where there is none, or not one of ours", async () => {
      await cluster.apply(config("a", {}, "yesterday"), undefined, signal);
      expect((await seen(config("a", {}))).token).toBeUndefined();
    });

    it("only creates where nothing was seen: what is there meanwhile stays", async () => {
      await cluster.apply(config("a", { LEVEL: "first" }), undefined, signal);
      expect(await cluster.apply(config("a", { LEVEL: "second" }), undefined, signal)).toBe("conflict");
      expect(await stage.data("a")).toEqual({ LEVEL: "first" });
    });

    it("changes exactly what was seen, and takes away what is no longer part of it", async () => {
      const object = config("a", { LEVEL: "ours", EXTRA: "1" });
      await cluster.apply(object, undefined, signal);
      expect(await cluster.apply(config("a", { LEVEL: "later" }, "7.2"), await seen(object), signal)).toBe("applied");
      expect(await stage.data("a")).toEqual({ LEVEL: "later" });
      expect((await seen(object)).token).toEqual({ generation: 7, sequence: 2 });
    });

    it("changes nothing by applying the same again", async () => {
      const object = config("a", { LEVEL: "ours" });
      await cluster.apply(object, undefined, signal);
      const before = await seen(object);
      expect(await cluster.apply(object, before, signal)).toBe("applied");
      expect(await seen(object)).toEqual(before);
    });

    it("refuses an object that changed since it was seen", async () => {
      const object = config("a", { LEVEL: "ours" });
      await cluster.apply(object, undefined, signal);
      const before = await seen(object);
      await stage.touch("a");
      expect(await cluster.apply(config("a", { LEVEL: "later" }, "7.2"), before, signal)).toBe("conflict");
      expect(await stage.data("a")).toEqual({ LEVEL: "ours" });
    });

    it("refuses another object under the same name", async () => {
      const object = config("a", { LEVEL: "ours" });
      await cluster.apply(object, undefined, signal);
      const before = await seen(object);
      await stage.recreate("a");
      const now = await seen(object);
      expect(now.uid).not.toBe(before.uid);
      const mixed = { ...before, resourceVersion: now.resourceVersion };
      expect(await cluster.apply(config("a", { LEVEL: "later" }), mixed, signal)).toBe("conflict");
      expect(await stage.data("a")).toEqual({ LEVEL: "ours" });
    });

    it("does not bring back what was deleted since it was seen", async () => {
      const object = config("a", { LEVEL: "ours" });
      await cluster.apply(object, undefined, signal);
      const before = await owned(object);
      await cluster.remove(before, signal);
      expect(await cluster.apply(object, before, signal)).toBe("conflict");
      expect(await cluster.read(object, signal)).toBeUndefined();
    });

    it("never forces a field that somebody else took", async () => {
      const object = config("a", { LEVEL: "ours" });
      await cluster.apply(object, undefined, signal);
      await stage.takeOver("a");
      const applying = cluster.apply(config("a", { LEVEL: "later" }, "7.2"), await seen(object), signal);
      await expect(applying).rejects.toBeInstanceOf(ForeignChangeError);
      expect(await stage.data("a")).toEqual({ LEVEL: "theirs" });
      expect((await seen(object)).token).toEqual({ generation: 7, sequence: 1 });
    });

    it("says what an apply would make of an object, and changes nothing", async () => {
      const object = config("a", { LEVEL: "ours" });
      expect((await previewer.preview(object, signal)).live).toBeUndefined();
      expect(await cluster.read(object, signal)).toBeUndefined();
      await cluster.apply(object, undefined, signal);
      const { live, next, conflict } = await previewer.preview(config("a", { LEVEL: "later" }), signal);
      expect([live?.["data"], next["data"], conflict]).toEqual([{ LEVEL: "ours" }, { LEVEL: "later" }, undefined]);
      expect(await stage.data("a")).toEqual({ LEVEL: "ours" });
    });

    it("says who is in the way of an apply, what it would make of the object all the same, and changes nothing", async () => {
      await cluster.apply(config("a", { LEVEL: "ours" }), undefined, signal);
      await stage.takeOver("a");
      const { live, next, conflict } = await previewer.preview(config("a", { LEVEL: "ours" }), signal);
      expect([live?.["data"], next["data"]]).toEqual([{ LEVEL: "theirs" }, { LEVEL: "ours" }]);
      expect(conflict).toContain("somebody else");
      expect(await stage.data("a")).toEqual({ LEVEL: "theirs" });
    });

    it("removes exactly what was seen; gone is no error", async () => {
      const object = config("a", { LEVEL: "ours" });
      await cluster.apply(object, undefined, signal);
      const before = await owned(object);
      await cluster.remove(before, signal);
      expect(await cluster.read(object, signal)).toBeUndefined();
      await expect(cluster.remove(before, signal)).resolves.toBeUndefined();
    });

    it.each(["touch", "recreate"] as const)("does not remove what changed since it was seen (%s)", async (change) => {
      const object = config("a", { LEVEL: "ours" });
      await cluster.apply(object, undefined, signal);
      const before = await owned(object);
      await stage[change]("a");
      await expect(cluster.remove(before, signal)).resolves.toBeUndefined();
      expect(await stage.data("a")).toEqual({ LEVEL: "ours" });
    });

    it("lists what carries the target's label, as it can be removed", async () => {
      for (const object of [config("a", {}), config("b", {}), config("c", {}, "7.1", "churn-eu")])
        await cluster.apply(object, undefined, signal);
      const list = await cluster.listOwned(TARGET, signal);
      expect(list.map(({ reference }) => [reference.kind, reference.metadata.name]).sort()).toEqual([
        ["ConfigMap", "a"],
        ["ConfigMap", "b"],
      ]);
      expect(list[0]?.token).toEqual({ generation: 7, sequence: 1 });
      for (const one of list) await cluster.remove(one, signal);
      expect(await cluster.listOwned(TARGET, signal)).toEqual([]);
      expect(await cluster.listOwned("churn-eu", signal)).toHaveLength(1);
    });

    const deploy = async (fate: PodFate) => {
      await cluster.apply(SERVICE, undefined, signal);
      await cluster.apply(workload(stage.port, stage.image), undefined, signal);
      await stage.settle(fate);
    };
    const podNames = async () => (await cluster.pods("t1", signal)).map((pod) => pod.name);

    it("shows a rollout that goes on, and then its end with its pods", async () => {
      await cluster.apply(workload(stage.port, stage.image), undefined, signal);
      const status = async () => {
        const found = await cluster.workload("model", signal);
        return found === undefined ? undefined : rolloutStatus(found).kind;
      };
      expect(await status()).toBe("waiting");
      await stage.settle("good");
      await vi.waitFor(async () => expect(await status()).toBe("done"), { timeout: 5_000, interval: 20 });
      const pods = await cluster.pods("t1", signal);
      expect(pods.map(({ ready, terminating }) => ({ ready, terminating }))).toEqual([
        { ready: true, terminating: false },
        { ready: true, terminating: false },
      ]);
      expect(proofOfDeath(pods)).toBeUndefined();
      expect(await cluster.pods("t2", signal)).toEqual([]);
    });

    it("shows a dead container and its last lines", async () => {
      await deploy("crash");
      const death = proofOfDeath(await cluster.pods("t1", signal));
      expect(death).toMatchObject({ container: "model", reason: "CrashLoopBackOff" });
      expect(death?.found).toContain("exit code 1");
      const lines = await cluster.lastLines(death?.pod ?? "", "model", 100, signal);
      expect(lines).toContain("Error: the model cannot be read");
      expect(lines.length).toBeLessThanOrEqual(100);
    });

    describe("its prober", () => {
      const ready = (pod: string) => stage.access.prober.getPod(pod, stage.port, "/ready", 2, signal);
      const predict = () =>
        stage.access.prober.postService({ name: "model", port: "http" }, "/predict", { instances: [[1]] }, 2, signal);

      it("brings a healthy pod's answer", async () => {
        await deploy("good");
        const [pod = ""] = await podNames();
        const answer = await ready(pod);
        expect(answer).toMatchObject({ kind: "answer", status: 200 });
        expect(answer.latencyMs).toBeGreaterThanOrEqual(0);
      });

      it("brings the pod's own refusal as an answer", async () => {
        await deploy("unhealthy");
        const [pod = ""] = await podNames();
        expect(await ready(pod)).toMatchObject({ kind: "answer", status: 500 });
      });

      it("brings a prediction through the service", async () => {
        await deploy("good");
        await vi.waitFor(
          async () => expect(await predict()).toMatchObject({ status: 200, body: '{"predictions": [0.5]}' }),
          { timeout: 5_000, interval: 20 },
        );
      });

      it("says that a pod or a service was not reached, and never throws", async () => {
        expect(await ready("absent")).toMatchObject({ kind: "no-answer", reason: expect.any(String) });
        expect(await predict()).toMatchObject({ kind: "no-answer", reason: expect.any(String) });
      });
    });
  });
}
