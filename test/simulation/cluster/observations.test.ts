import { describe, expect, it } from "vitest";
import { createSimulatedCluster } from "./simulated-cluster.ts";
import { config, createStage, NAMESPACE, START, type Stage, seeded, service, signal, workload } from "./stage.ts";

describe("the changes", () => {
  it("are what was effective, in order, with token and release", async () => {
    const stage = createStage();
    await stage.apply(service());
    await stage.apply(service());
    stage.wait(1_000);
    await stage.apply(service("7.2"));
    await stage.apply(workload("good:1", { token: "7.2" }));
    await stage.apply(workload("good:1", { token: "7.3", replicas: 5 }));
    await stage.apply(workload("good:2", { token: "7.4", replicas: 3 }));
    stage.simulated.deleteForeign(NAMESPACE, { kind: "Service", name: "churn" });
    expect(stage.simulated.changes()[1]).toEqual({
      ...{ at: START + 1_000, namespace: NAMESPACE, kind: "Service", name: "churn", action: "changed" },
      ...{ token: "7.2", release: "release-7.2", by: "belay" },
    });
    const brief = stage.simulated.changes().map(({ kind, action, token, by }) => [kind, action, token, by]);
    expect(brief).toEqual([
      ["Service", "created", "7.1", "belay"],
      ["Service", "changed", "7.2", "belay"],
      ["Deployment", "created", "7.2", "belay"],
      ["Deployment", "scaled", "7.3", "belay"],
      ["Deployment", "changed", "7.4", "belay"],
      ["Service", "removed", "7.2", "other"],
    ]);
  });

  it("hold Belay's removals, but not those that came too late", async () => {
    const stage = createStage();
    await stage.apply(config("a", {}));
    const [owned] = await stage.cluster.listOwned("churn", signal);
    if (owned === undefined) throw new Error("Nothing is owned.");
    await stage.cluster.remove(owned, signal);
    await stage.cluster.remove(owned, signal);
    expect(stage.simulated.changes().map(({ action, by }) => [action, by])).toEqual([
      ["created", "belay"],
      ["removed", "belay"],
    ]);
  });
});

describe("a token regression", () => {
  it("is an older token of Belay's over a newer one", async () => {
    const stage = createStage();
    await stage.apply(service("8.2"));
    await stage.apply(service("8.1"));
    expect(stage.simulated.tokenRegressions()).toEqual([
      { at: START, namespace: NAMESPACE, kind: "Service", name: "churn", carried: "8.2", applied: "8.1" },
    ]);
  });

  it("is not what was held off, what somebody else wrote, or what has no token", async () => {
    const stage = createStage();
    await stage.apply(service("8.2"));
    const seen = await stage.seen(service());
    stage.simulated.touch(NAMESPACE);
    expect(await stage.cluster.apply(service("8.1"), seen, signal)).toBe("conflict");
    for (let turn = 0; turn < 20; turn++) stage.simulated.editForeign(NAMESPACE, "token");
    expect(stage.simulated.tokenRegressions()).toEqual([]);
  });
});

it("what serves is counted by image, of the service's own pods", async () => {
  const stage = createStage();
  await stage.apply(service());
  await stage.apply(workload("good:1"));
  await stage.apply(workload("good:2", { name: "fraud" }));
  expect(stage.simulated.serving(NAMESPACE, "churn")).toEqual(new Map());
  stage.rest();
  expect(stage.simulated.serving(NAMESPACE, "churn")).toEqual(new Map([["good:1", 3]]));
  expect(stage.simulated.serving(NAMESPACE, "absent")).toEqual(new Map());
  expect(stage.simulated.readyPods(NAMESPACE, "absent")).toBe(0);
});

it("every change of capacity is told once, each from where the former left off", async () => {
  const stage = createStage();
  await stage.apply(workload("flapping:1"));
  stage.rest();
  stage.simulated.drainNode();
  stage.rest();
  let [ready, total] = [0, 0];
  for (const capacity of stage.capacities) {
    expect([capacity.wasReady, capacity.wasTotal]).toEqual([ready, total]);
    expect([capacity.ready, capacity.total]).not.toEqual([ready, total]);
    ({ ready, total } = capacity);
  }
  expect([ready, total]).toEqual([3, 3]);
});

describe("time", () => {
  /** Everything that can be seen of a stormy life. */
  async function live(seed: number): Promise<string> {
    const stage: Stage = createStage(seed);
    const random = seeded(seed + 99);
    await stage.apply(service());
    const heard: unknown[] = [];
    for (let turn = 0; turn < 30; turn++) {
      const image = `${random() < 0.5 ? "good" : "flapping"}:${turn % 4}`;
      heard.push(await stage.apply(workload(image, { token: `8.${turn}` })).catch((error: Error) => error.message));
      const { simulated } = stage;
      heard.push([simulated.drainNode(), simulated.autoscale(NAMESPACE, "churn"), simulated.killPod()]);
      if (turn % 7 === 6) heard.push(simulated.editForeign(NAMESPACE), simulated.deleteForeign(NAMESPACE));
      stage.wait(Math.floor(random() * 30_000));
      heard.push(await stage.cluster.pods(image, signal), simulated.nextAt());
      heard.push(await stage.prober.postService({ name: "churn", port: "http" }, "/", {}, 1, signal));
    }
    return JSON.stringify([heard, stage.capacities, stage.simulated.changes(), stage.simulated.objects()]);
  }

  it("runs the same with the same seed, and otherwise with another", async () => {
    expect(await live(5)).toBe(await live(5));
    expect(await live(5)).not.toBe(await live(6));
  });

  it("passes the same in one leap as step by step", async () => {
    const leap = createStage();
    const steps = createStage();
    for (const { apply } of [leap, steps]) await apply(workload("flapping:1"));
    leap.wait(120_000);
    for (let turn = 0; turn < 1_200; turn++) steps.wait(100);
    expect(steps.capacities).toEqual(leap.capacities);
    expect(leap.capacities.length).toBeGreaterThan(6);
  });

  it("that has passed is played before a call, without being advanced to", async () => {
    let now = START;
    const simulated = createSimulatedCluster({ now: () => now, behaviour: () => "good", random: seeded(1) });
    const { cluster, prober } = simulated.open(NAMESPACE);
    const predict = () => prober.postService({ name: "churn", port: "http" }, "/", {}, 1, signal);
    await cluster.apply(service(), undefined, signal);
    await cluster.apply(workload("good:1"), undefined, signal);
    expect(await predict()).toMatchObject({ kind: "no-answer" });
    now += 60_000;
    expect(await predict()).toMatchObject({ kind: "answer" });
  });

  it("of what happens next is known", async () => {
    const stage = createStage();
    expect(stage.simulated.nextAt()).toBeUndefined();
    await stage.apply(workload("good:1"));
    const next = stage.simulated.nextAt() ?? 0;
    expect(next - START).toBeGreaterThanOrEqual(100);
    expect(next - START).toBeLessThanOrEqual(500);
    stage.wait(next - START);
    expect(stage.capacities.map(({ at }) => at)).toEqual([next, next, next]);
    stage.rest();
    expect(stage.simulated.nextAt()).toBeUndefined();
  });
});
