import { describe, expect, it } from "vitest";
import { PermanentError } from "../../../shared/domain/errors.ts";
import { proofOfDeath } from "../../../shared/domain/rollout-status.ts";
import { createStage, NAMESPACE, PORT, SECOND, START, type Stage, service, signal, workload } from "./stage.ts";

async function started(image: string, seed = 1): Promise<Stage> {
  const stage = createStage(seed);
  await stage.apply(service());
  await stage.apply(workload(image));
  return stage;
}

const podsOf = ({ cluster }: Stage, image: string) => cluster.pods(image, signal);
const healthOf = async ({ cluster, prober }: Stage, image: string) => {
  const pods = await cluster.pods(image, signal);
  const answers = await Promise.all(pods.map(({ name }) => prober.getPod(name, PORT, "/ready", 2, signal)));
  return answers.map((answer) => (answer.kind === "answer" ? answer.status : answer.reason));
};
const predict = ({ prober }: Stage, port = "http", body: unknown = { instances: [[1], [2]] }) =>
  prober.postService({ name: "churn", port }, "/predict", body, 2, signal);

describe("good pods", () => {
  it("are created, run, and become ready within seconds", async () => {
    const stage = await started("good:1");
    stage.wait(500);
    const [first] = await podsOf(stage, "good:1");
    expect(first?.containers).toEqual([
      { name: "model", restarts: 0, waiting: { reason: "ContainerCreating", message: "" } },
    ]);
    expect(await healthOf(stage, "good:1")).toEqual(new Array(3).fill("was not reached: connection refused"));
    stage.wait(12 * SECOND);
    expect((await podsOf(stage, "good:1")).every(({ ready }) => ready)).toBe(true);
    expect(await healthOf(stage, "good:1")).toEqual([200, 200, 200]);
  });

  it("predict as many numbers as a request has rows", async () => {
    const stage = await started("good:1");
    stage.rest();
    expect(await predict(stage)).toMatchObject({ status: 200, body: '{"predictions": [0.5, 0.5]}' });
    for (const body of [
      { inputs: [1, 2, 3] },
      { dataframe_records: [{}, {}, {}] },
      { dataframe_split: { data: [1, 2, 3] } },
    ])
      expect(await predict(stage, "http", body)).toMatchObject({ body: '{"predictions": [0.5, 0.5, 0.5]}' });
    expect(await predict(stage, "80", "text")).toMatchObject({ body: '{"predictions": [0.5]}' });
  });

  it("are reached at their own port and their service's only", async () => {
    const stage = await started("good:1");
    stage.rest();
    const [pod] = await podsOf(stage, "good:1");
    expect(await stage.prober.getPod(pod?.name ?? "", 9, "/ready", 2, signal)).toMatchObject({ kind: "no-answer" });
    expect(await predict(stage, "grpc")).toMatchObject({ kind: "no-answer" });
  });
});

describe("crashing pods", () => {
  it("are in CrashLoopBackOff a few seconds after their start, and never ready", async () => {
    const stage = await started("crash:1");
    stage.wait(12 * SECOND);
    const death = proofOfDeath(await podsOf(stage, "crash:1"));
    expect(death).toMatchObject({ container: "model", reason: "CrashLoopBackOff" });
    expect(await predict(stage)).toMatchObject({ kind: "no-answer" });
    stage.rest();
    const pods = await podsOf(stage, "crash:1");
    expect(pods.map(({ ready, containers }) => [ready, containers[0]?.restarts])).toEqual(
      new Array(3).fill([false, 6]),
    );
    expect(stage.capacities.every(({ ready }) => ready === 0)).toBe(true);
  });

  it("wait twice as long before every further start, and are left alone in the end", async () => {
    const stage = await started("crash:1");
    const starts: number[] = [];
    while (stage.simulated.nextAt() !== undefined && stage.now() - START < 500 * SECOND) {
      stage.step();
      const [pod] = await podsOf(stage, "crash:1");
      const restarts = pod?.containers[0]?.restarts ?? 0;
      if (restarts > starts.length) starts.push(stage.now());
    }
    const waits = starts.map((at, index) => at - (starts[index - 1] ?? at)).slice(1);
    expect(waits.map((wait) => Math.floor(wait / 10_000))).toEqual([1, 2, 4, 8, 16]);
  });

  it("are seen running between two deaths, too", async () => {
    const stage = await started("crash:1");
    const seen = new Set<string>();
    for (let turn = 0; turn < 400; turn++) {
      stage.wait(100);
      const containers = (await podsOf(stage, "crash:1")).map((pod) => pod.containers[0]);
      for (const container of containers.filter((one) => one !== undefined && one.restarts > 1))
        seen.add(container?.waiting?.reason ?? "running");
    }
    expect([...seen].sort()).toEqual(["CrashLoopBackOff", "running"]);
  });

  it("leave their last lines; a pod that has not started, or is not there, has none", async () => {
    const stage = await started("crash:1");
    stage.wait(500);
    const [pod] = await podsOf(stage, "crash:1");
    const lines = (name: string, container = "model") => stage.cluster.lastLines(name, container, 1, signal);
    await expect(lines(pod?.name ?? "")).rejects.toBeInstanceOf(PermanentError);
    stage.wait(20 * SECOND);
    expect(await lines(pod?.name ?? "")).toEqual(["Error: the model cannot be read"]);
    await expect(lines(pod?.name ?? "", "sidecar")).rejects.toBeInstanceOf(PermanentError);
    await expect(lines("absent")).rejects.toBeInstanceOf(PermanentError);
  });
});

describe("flapping pods", () => {
  it("become ready, fail their health for some seconds, and recover for good", async () => {
    const stage = await started("flapping:1");
    const seen: number[] = [];
    for (let turn = 0; turn < 90; turn++) {
      stage.wait(SECOND);
      const answers = await healthOf(stage, "flapping:1");
      if (turn > 12) seen.push(answers.filter((status) => status === 503).length);
    }
    expect(Math.max(...seen)).toBeGreaterThan(0);
    expect(seen.at(-1)).toBe(0);
    stage.rest();
    expect(stage.simulated.readyPods(NAMESPACE, "churn")).toBe(3);
  });

  /** How many looks of a minute found a pod ready whose health failed. */
  async function countUnnoticed(stage: Stage): Promise<number> {
    let unnoticed = 0;
    for (let turn = 0; turn < 60; turn++) {
      stage.wait(SECOND);
      const pods = await podsOf(stage, "flapping:1");
      const answers = await healthOf(stage, "flapping:1");
      unnoticed += pods.filter(({ ready }, index) => ready && answers[index] === 503).length;
    }
    return unnoticed;
  }

  it("fail with their readiness or without it: both happen", async () => {
    const causes = new Set<string>();
    let unnoticed = 0;
    for (let seed = 1; seed <= 20; seed++) {
      const stage = await started("flapping:1", seed);
      unnoticed += await countUnnoticed(stage);
      const losses = stage.capacities.filter(({ ready, wasReady }) => ready < wasReady);
      for (const { cause } of losses) causes.add(cause);
    }
    expect([...causes]).toEqual(["flap"]);
    expect(unnoticed).toBeGreaterThan(0);
  });
});

it("a pod that fails its health answers no predictions, as long as it is among the endpoints", async () => {
  const found = new Set<string>();
  for (let seed = 1; seed <= 5; seed++) {
    const stage = createStage(seed);
    await stage.apply(service());
    await stage.apply(workload("flapping:1", { replicas: 1 }));
    for (let turn = 0; turn < 60; turn++) {
      stage.wait(SECOND);
      const answer = await predict(stage);
      const health = await healthOf(stage, "flapping:1");
      found.add(`${health} ${answer.kind === "answer" ? answer.status : "not reached"}`);
    }
  }
  expect(found).toContain("503 503");
  expect(found).toContain("200 200");
  expect(found).not.toContain("503 200");
});

describe("other pods", () => {
  it("that are slow take about a minute", async () => {
    const stage = await started("slow:1");
    stage.wait(45 * SECOND);
    expect(stage.simulated.readyPods(NAMESPACE, "churn")).toBe(0);
    expect(await healthOf(stage, "slow:1")).toEqual([503, 503, 503]);
    stage.wait(35 * SECOND);
    expect(stage.simulated.readyPods(NAMESPACE, "churn")).toBe(3);
  });

  it("that are stuck run and never become ready, nor die", async () => {
    const stage = await started("stuck:1");
    stage.rest();
    const pods = await podsOf(stage, "stuck:1");
    expect(pods.some(({ ready }) => ready)).toBe(false);
    expect(proofOfDeath(pods)).toBeUndefined();
    expect(await predict(stage)).toMatchObject({ kind: "no-answer" });
  });

  it("that are unhealthy are ready and answer 500", async () => {
    const stage = await started("unhealthy:1");
    expect(await stage.settle()).toBe("done");
    expect(await healthOf(stage, "unhealthy:1")).toEqual([500, 500, 500]);
  });

  it("that are wrong are healthy and predict NaN", async () => {
    const stage = await started("wrong:1");
    expect(await stage.settle()).toBe("done");
    expect(await healthOf(stage, "wrong:1")).toEqual([200, 200, 200]);
    expect(await predict(stage)).toMatchObject({ status: 200, body: '{"predictions": [NaN, NaN]}' });
  });
});

it("a service chooses among the ready pods of all templates", async () => {
  const stage = await started("good:1");
  stage.rest();
  await stage.apply(workload("wrong:2", { token: "8.1" }));
  while (stage.simulated.serving(NAMESPACE, "churn").size < 2) stage.wait(100);
  const bodies = new Set<string>();
  for (let turn = 0; turn < 100; turn++) {
    const answer = await predict(stage);
    if (answer.kind === "answer") bodies.add(answer.body);
  }
  expect([...bodies].sort()).toEqual(['{"predictions": [0.5, 0.5]}', '{"predictions": [NaN, NaN]}']);
});

it("a pod shows its init containers and its sidecars beside the model", async () => {
  const stage = createStage();
  const { metadata, ...rest } = workload("crash:1");
  const labels = { app: "churn", "belay.dev/template": "crash:1" };
  const spec = {
    initContainers: [{ name: "warm" }],
    containers: [{ name: "proxy" }, { name: "model", image: "crash:1" }],
  };
  const deployment = {
    ...rest,
    metadata,
    spec: { ...(rest["spec"] as object), template: { metadata: { labels }, spec } },
  };
  await stage.apply(deployment);
  stage.wait(500);
  const waiting = { waiting: { reason: "ContainerCreating", message: "" } };
  const [young] = await podsOf(stage, "crash:1");
  expect(young?.containers.map(({ name }) => name)).toEqual(["warm", "proxy", "model"]);
  expect(young?.containers[1]).toEqual({ name: "proxy", restarts: 0, ...waiting });
  stage.wait(12 * SECOND);
  const [pod] = await podsOf(stage, "crash:1");
  expect(pod?.containers[0]).toMatchObject({ name: "warm", terminated: { reason: "Completed", exitCode: 0 } });
  expect(pod?.containers[1]).toEqual({ name: "proxy", restarts: 0 });
  expect(await stage.cluster.lastLines(pod?.name ?? "", "proxy", 9, signal)).toEqual(["starting"]);
});
