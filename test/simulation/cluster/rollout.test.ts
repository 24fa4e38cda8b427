import { describe, expect, it } from "vitest";
import { createStage, NAMESPACE, SECOND, type Stage, seeded, service, signal, workload } from "./stage.ts";

const statusOf = async ({ cluster }: Stage) => {
  const found = await cluster.workload("churn", signal);
  if (found === undefined) throw new Error("The workload is not there.");
  return found;
};
const imagesOf = (stage: Stage) => Object.fromEntries(stage.simulated.serving(NAMESPACE, "churn"));

/** A stage on which the first image runs and is at rest. */
async function running(image = "good:1", seed = 1, choices = {}): Promise<Stage> {
  const stage = createStage(seed);
  await stage.apply(service());
  await stage.apply(workload(image, choices));
  stage.rest();
  stage.capacities.length = 0;
  return stage;
}

const BOUNDS = [
  { replicas: 3, maxSurge: 1, maxUnavailable: 0 },
  { replicas: 4, maxSurge: 0, maxUnavailable: 1 },
  { replicas: 5, maxSurge: 2, maxUnavailable: 1 },
  { replicas: 1, maxSurge: 1, maxUnavailable: 0 },
];

describe("a rolling update", () => {
  it.each(BOUNDS)("of $replicas pods keeps to surge $maxSurge and unavailable $maxUnavailable", async (bounds) => {
    for (let seed = 1; seed <= 20; seed++) {
      const stage = await running("good:1", seed, bounds);
      await stage.apply(workload("good:2", { ...bounds, token: "8.1" }));
      expect(await stage.settle()).toBe("done");
      const counts = stage.capacities.map(({ ready, total }) => ({ ready, total }));
      expect(Math.min(...counts.map(({ ready }) => ready))).toBe(bounds.replicas - bounds.maxUnavailable);
      expect(Math.max(...counts.map(({ total }) => total))).toBe(bounds.replicas + bounds.maxSurge);
      stage.rest();
      expect(imagesOf(stage)).toEqual({ "good:2": bounds.replicas });
    }
  });

  /** One image after the other, while nodes and pods are lost. */
  async function storm(seed: number): Promise<Stage> {
    const images = ["good:1", "flapping:1", "slow:1", "crash:1", "stuck:1", "good:2", "flapping:2"];
    const random = seeded(seed + 1_000);
    const stage = await running("good:1", seed);
    for (let turn = 1; turn <= 8; turn++) {
      const image = images[Math.floor(random() * images.length)] ?? "good:1";
      await stage.apply(workload(image, { token: `8.${turn}` }));
      if (random() < 0.5) stage.simulated.drainNode();
      else stage.simulated.killPod();
      stage.wait(Math.floor(random() * 60 * SECOND));
    }
    stage.rest();
    return stage;
  }

  it("keeps to its bounds because of its own changes, whatever else happens", async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const rolling = (await storm(seed)).capacities.filter(({ cause }) => cause === "rollout");
      expect(rolling.length).toBeGreaterThan(0);
      expect(rolling.filter(({ ready, wasReady }) => ready < wasReady && ready < 3)).toEqual([]);
      expect(rolling.filter(({ total, wasTotal }) => total > wasTotal && total > 4)).toEqual([]);
    }
  });

  it("is not seen by the controller at once: observedGeneration lags, also after a change of the token alone", async () => {
    const stage = await running();
    const before = await statusOf(stage);
    expect(before.observedGeneration).toBe(before.generation);
    await stage.apply(workload("good:1", { token: "8.1" }));
    const changed = await statusOf(stage);
    expect(changed.generation).toBe(before.generation + 1);
    expect(changed.observedGeneration).toBe(before.generation);
    expect(await stage.look()).toBe("waiting");
    stage.wait(SECOND);
    expect((await statusOf(stage)).observedGeneration).toBe(before.generation + 1);
    expect(await stage.look()).toBe("done");
    expect(stage.capacities).toEqual([]);
  });

  it("counts only pods of the new template as updated", async () => {
    const stage = await running();
    await stage.apply(workload("stuck:2", { token: "8.1" }));
    stage.wait(10 * SECOND);
    expect(await statusOf(stage)).toMatchObject({ replicas: 4, updatedReplicas: 1, availableReplicas: 3 });
    expect(imagesOf(stage)).toEqual({ "good:1": 3 });
  });

  it("lets an old pod serve a moment longer than it counts, and shows it as terminating until it is gone", async () => {
    const stage = await running("good:1", 3);
    await stage.apply(workload("good:2", { token: "8.1" }));
    while (stage.capacities.every(({ ready, wasReady }) => ready >= wasReady)) stage.wait(10);
    const old = await stage.cluster.pods("good:1", signal);
    expect(old.filter(({ terminating }) => terminating)).toHaveLength(1);
    expect(old.filter(({ terminating }) => !terminating)).toHaveLength(2);
    expect(imagesOf(stage)).toEqual({ "good:1": 3, "good:2": 1 });
    expect(stage.simulated.readyPods(NAMESPACE, "churn")).toBe(3);
    expect(await statusOf(stage)).toMatchObject({ replicas: 4 });
    stage.rest();
    expect(await stage.cluster.pods("good:1", signal)).toEqual([]);
    expect(imagesOf(stage)).toEqual({ "good:2": 3 });
  });

  it("waits with every next pod until one has been ready as long as the spec asks", async () => {
    const stage = await running("good:1", 1, { minReadySeconds: 30 });
    await stage.apply(workload("good:2", { minReadySeconds: 30, token: "8.1" }));
    const began = stage.now();
    expect(await stage.settle()).toBe("done");
    expect(stage.now() - began).toBeGreaterThan(90 * SECOND);
    expect(stage.now() - began).toBeLessThan(150 * SECOND);
  });

  it("finds a template again as long as the history holds it", async () => {
    for (const [history, isKept] of [
      [2, true],
      [1, false],
    ] as const) {
      const setOf = (name = "") => name.slice(0, name.lastIndexOf("-"));
      const stage = await running("good:1", 1, { history });
      const [first] = await stage.cluster.pods("good:1", signal);
      for (const image of ["good:2", "good:3", "good:1"]) {
        await stage.apply(workload(image, { history, token: "8.1" }));
        stage.rest();
      }
      const [again] = await stage.cluster.pods("good:1", signal);
      expect(setOf(again?.name) === setOf(first?.name)).toBe(isKept);
    }
  });

  it("goes back to the former template with its pods", async () => {
    const stage = await running();
    await stage.apply(workload("stuck:2", { token: "8.1" }));
    stage.wait(20 * SECOND);
    await stage.apply(workload("good:1", { token: "8.2" }));
    expect(await stage.settle()).toBe("done");
    stage.rest();
    expect(imagesOf(stage)).toEqual({ "good:1": 3 });
    expect(stage.capacities.every(({ ready }) => ready === 3)).toBe(true);
  });
});

it("an old template that came back is the last that the history forgets", async () => {
  const stage = await running("good:1", 1, { history: 1 });
  const bring = async (image: string) => {
    await stage.apply(workload(image, { history: 1, token: "8.1" }));
    stage.rest();
    const [pod] = await stage.cluster.pods(image, signal);
    return pod?.name.slice(0, pod.name.lastIndexOf("-"));
  };
  await bring("good:2");
  const set = await bring("good:1");
  await bring("good:3");
  expect(await bring("good:1")).toBe(set);
});

it("pods that are given up before they are ready never serve", async () => {
  for (let seed = 1; seed <= 10; seed++) {
    const stage = createStage(seed);
    await stage.apply(service());
    await stage.apply(workload("good:1"));
    while ((await statusOf(stage)).replicas < 3) stage.step();
    stage.wait(SECOND);
    await stage.apply(workload("good:1", { replicas: 0, token: "8.1" }));
    while (stage.simulated.nextAt() !== undefined) {
      stage.step();
      expect(imagesOf(stage)).toEqual({});
    }
  }
});

describe("a change of replicas", () => {
  it("to zero leaves no pod, and nothing that serves", async () => {
    const stage = await running();
    await stage.apply(workload("good:1", { replicas: 0, token: "8.1" }));
    stage.rest();
    expect(await stage.look()).toBe("done");
    expect(imagesOf(stage)).toEqual({});
    expect(await stage.cluster.pods("good:1", signal)).toEqual([]);
    expect(stage.capacities.map(({ cause, ready }) => [cause, ready])).toEqual([
      ["scale", 2],
      ["scale", 1],
      ["scale", 0],
    ]);
  });

  it("from zero brings the pods back", async () => {
    const stage = await running("good:1", 1, { replicas: 0 });
    await stage.apply(workload("good:1", { token: "8.1" }));
    expect(await stage.settle()).toBe("done");
    expect(imagesOf(stage)).toEqual({ "good:1": 3 });
  });

  it("in the middle of an update gives each template its share", async () => {
    const stage = await running("good:1", 1, { replicas: 6, maxSurge: 2 });
    await stage.apply(workload("stuck:2", { replicas: 6, maxSurge: 2, token: "8.1" }));
    stage.wait(20 * SECOND);
    await stage.apply(workload("stuck:2", { replicas: 12, maxSurge: 4, token: "8.2" }));
    stage.wait(20 * SECOND);
    expect(await stage.cluster.pods("good:1", signal)).toHaveLength(12);
    expect(await stage.cluster.pods("stuck:2", signal)).toHaveLength(4);
  });
});

describe("the progress deadline", () => {
  it("passes when no pod comes up in time, and is said of a former template too until a pod of it is there", async () => {
    const stage = await running();
    await stage.apply(workload("good:2", { token: "8.1" }));
    stage.rest();
    await stage.apply(workload("stuck:3", { token: "9.1" }));
    const began = stage.now();
    expect(await stage.settle()).toBe("failed");
    expect(stage.now() - began).toBeGreaterThan(540 * SECOND);
    await stage.apply(workload("good:1", { token: "9.2" }));
    expect(await stage.look()).toBe("waiting");
    stage.step();
    expect(await stage.look()).toBe("failed");
    expect((await statusOf(stage)).progressing?.reason).toBe("ProgressDeadlineExceeded");
    stage.step();
    expect(await stage.look()).toBe("waiting");
    stage.rest();
    expect((await statusOf(stage)).progressing?.reason).toBe("NewReplicaSetAvailable");
    expect(await stage.look()).toBe("done");
  });

  it("counts from the last progress, so that slow pods one after the other are in time", async () => {
    const stage = await running();
    await stage.apply(workload("slow:2", { token: "8.1", deadlineSeconds: 120 }));
    const began = stage.now();
    expect(await stage.settle()).toBe("done");
    expect(stage.now() - began).toBeGreaterThan(150 * SECOND);
  });

  it("is gone at once with a template that is new", async () => {
    const stage = await running();
    await stage.apply(workload("stuck:2", { token: "8.1" }));
    expect(await stage.settle()).toBe("failed");
    await stage.apply(workload("good:3", { token: "9.1" }));
    stage.step();
    expect((await statusOf(stage)).progressing?.reason).toBe("NewReplicaSetCreated");
    expect(await stage.settle()).toBe("done");
  });
});

it("workloads of several namespaces go their own way", async () => {
  const stage = await running();
  const other = stage.simulated.open("elsewhere").cluster;
  const { metadata, ...rest } = workload("crash:1");
  await other.apply({ ...rest, metadata: { ...metadata, namespace: "elsewhere" } }, undefined, signal);
  await stage.apply(workload("good:9", { name: "fraud" }));
  expect(await stage.settle("fraud")).toBe("done");
  expect(await stage.look()).toBe("done");
  expect((await other.workload("churn", signal))?.availableReplicas).toBe(0);
  expect(stage.simulated.readyPods("elsewhere", "churn")).toBe(0);
  expect(stage.simulated.readyPods(NAMESPACE, "fraud")).toBe(3);
});
