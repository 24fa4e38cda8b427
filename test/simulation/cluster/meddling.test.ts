import { describe, expect, it } from "vitest";
import { ForeignChangeError } from "../../../shared/domain/errors.ts";
import { config, createStage, NAMESPACE, SECOND, type Stage, service, signal, workload } from "./stage.ts";

async function running(seed = 1): Promise<Stage> {
  const stage = createStage(seed);
  await stage.apply(config("settings", { LEVEL: "info" }, "7.1", true));
  await stage.apply(service());
  await stage.apply(workload("good:1"));
  stage.rest();
  stage.capacities.length = 0;
  return stage;
}

const generationOf = async ({ cluster }: Stage) => (await cluster.workload("churn", signal))?.generation ?? 0;

describe("a drained node", () => {
  it("takes some pods, for which new ones come", async () => {
    const stage = await running();
    const before = (await stage.cluster.pods("good:1", signal)).map(({ name }) => name);
    const lost = stage.simulated.drainNode();
    expect(lost.length).toBeGreaterThan(0);
    expect(stage.simulated.readyPods(NAMESPACE, "churn")).toBe(3 - lost.length);
    stage.rest();
    const after = await stage.cluster.pods("good:1", signal);
    expect(after.filter(({ name }) => before.includes(name))).toHaveLength(3 - lost.length);
    expect(after.filter(({ ready }) => ready)).toHaveLength(3);
    expect(new Set(stage.capacities.map(({ cause }) => cause))).toEqual(new Set(["drain", "replace", "ready"]));
    expect(stage.simulated.changes()).toHaveLength(3);
  });

  it("that nothing runs on is none", () => {
    expect(createStage().simulated.drainNode()).toEqual([]);
    expect(createStage().simulated.killPod()).toBeUndefined();
  });
});

it("a killed pod starts again in place, or is replaced: both happen", async () => {
  const ways = new Set<string>();
  for (let seed = 1; seed <= 10; seed++) {
    const stage = await running(seed);
    const name = stage.simulated.killPod();
    expect(stage.simulated.readyPods(NAMESPACE, "churn")).toBe(2);
    ways.add(stage.capacities[0]?.cause ?? "");
    stage.rest();
    const pod = (await stage.cluster.pods("good:1", signal)).find((one) => one.name === name);
    if (pod !== undefined) {
      expect(pod.containers[0]).toEqual({ name: "model", restarts: 1, terminated: { reason: "Error", exitCode: 137 } });
      expect(await stage.cluster.lastLines(pod.name, "model", 9, signal)).toEqual(["starting", "ready"]);
    }
    expect(stage.simulated.readyPods(NAMESPACE, "churn")).toBe(3);
  }
  expect([...ways].sort()).toEqual(["crash", "kill"]);
});

describe("an autoscaler", () => {
  it("moves the replicas by at most two, and back minutes later", async () => {
    const stage = await running();
    const generation = await generationOf(stage);
    const seen = await stage.seen(workload("good:1"));
    const replicas = stage.simulated.autoscale(NAMESPACE, "churn") ?? 0;
    expect(Math.abs(replicas - 3)).toBeGreaterThan(0);
    expect(Math.abs(replicas - 3)).toBeLessThanOrEqual(2);
    expect(await generationOf(stage)).toBe(generation + 1);
    expect((await stage.seen(workload("good:1"))).resourceVersion).not.toBe(seen.resourceVersion);
    expect(await stage.settle()).toBe("done");
    expect(stage.simulated.readyPods(NAMESPACE, "churn")).toBe(replicas);
    expect(new Set(stage.capacities.map(({ specBy }) => specBy))).toEqual(new Set(["other"]));
    stage.rest();
    expect(stage.simulated.readyPods(NAMESPACE, "churn")).toBe(3);
    expect(stage.simulated.changes().slice(3)).toMatchObject([
      { action: "scaled", by: "other", token: "7.1" },
      { action: "scaled", by: "other", token: "7.1" },
    ]);
  });

  it("owns the replicas from then on: only the same number can be applied", async () => {
    const stage = await running();
    const replicas = stage.simulated.autoscale(NAMESPACE, "churn") ?? 0;
    await expect(stage.apply(workload("good:2", { token: "8.1" }))).rejects.toBeInstanceOf(ForeignChangeError);
    expect(await stage.apply(workload("good:2", { replicas, token: "8.1" }))).toBe("applied");
    stage.rest();
    expect(await stage.apply(workload("good:2", { token: "8.2" }))).toBe("applied");
    await expect(stage.apply(workload("good:2", { replicas: 0, token: "8.3" }))).rejects.toBeInstanceOf(
      ForeignChangeError,
    );
  });

  it("stays within two of the usual number, however often it moves, and leaves what is at zero or absent alone", async () => {
    const stage = await running();
    for (let turn = 0; turn < 300; turn++) {
      const replicas = stage.simulated.autoscale(NAMESPACE, "churn") ?? 0;
      expect(replicas).toBeGreaterThanOrEqual(1);
      expect(replicas).toBeLessThanOrEqual(5);
      stage.wait(10 * SECOND);
    }
    expect(stage.simulated.autoscale(NAMESPACE, "absent")).toBeUndefined();
    const idle = createStage();
    await idle.apply(workload("good:1", { replicas: 0 }));
    expect(idle.simulated.autoscale(NAMESPACE, "churn")).toBeUndefined();
  });

  it("does not scale back what was deleted meanwhile", async () => {
    const stage = await running();
    stage.simulated.autoscale(NAMESPACE, "churn");
    stage.simulated.deleteForeign(NAMESPACE, { kind: "Deployment", name: "churn" });
    stage.rest();
    expect(stage.simulated.changes().at(-1)).toMatchObject({ action: "removed", by: "other" });
  });
});

describe("a foreign edit", () => {
  it("of a label or an annotation that is not Belay's stays through the next apply", async () => {
    for (const kind of ["label", "annotation"] as const) {
      const stage = await running();
      const edit = stage.simulated.editForeign(NAMESPACE, kind);
      if (edit === undefined) throw new Error("Nothing was edited.");
      for (const object of [
        config("settings", { LEVEL: "info" }, "8.1", true),
        service("8.1"),
        workload("good:2", { token: "8.1" }),
      ])
        expect(await stage.apply(object)).toBe("applied");
      const edited = stage.simulated.objects().find((one) => one.kind === edit.kind);
      expect(edited).toHaveProperty([...edit.path], edit.value);
    }
  });

  it("of a field that Belay owns is a foreign change once Belay says something else", async () => {
    const fields = new Set<string>();
    for (let seed = 1; seed <= 30; seed++) {
      const stage = await running(seed);
      const edit = stage.simulated.editForeign(NAMESPACE, "field");
      fields.add(`${edit?.kind} ${edit?.path.at(-1)}`);
      const objects = [service("8.1"), workload("good:1", { token: "8.1" })];
      const object = objects.find((one) => one.kind === edit?.kind) ?? service();
      await expect(stage.apply(object)).rejects.toBeInstanceOf(ForeignChangeError);
      expect(stage.simulated.changes().at(-1)).toMatchObject({ by: "other", kind: edit?.kind });
    }
    expect([...fields].sort()).toEqual([
      "Deployment maxSurge",
      "Deployment progressDeadlineSeconds",
      "Deployment replicas",
      "Service selector",
    ]);
  });

  it("of an image goes back to one that ran here before, and rolls it out", async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const stage = await running(seed);
      await stage.apply(workload("good:2", { token: "8.1" }));
      stage.rest();
      const edit = stage.simulated.editForeign(NAMESPACE, "field");
      if (edit?.path.at(-1) !== "image") continue;
      stage.rest();
      expect(Object.fromEntries(stage.simulated.serving(NAMESPACE, "churn"))).toEqual({ "good:1": 3 });
      await expect(stage.apply(workload("good:3", { token: "9.1" }))).rejects.toBeInstanceOf(ForeignChangeError);
      return;
    }
    throw new Error("Nobody edited the image.");
  });

  it("of the token leaves a wrong one, another one or none", async () => {
    const tokens = new Set<string>();
    for (let seed = 1; seed <= 40; seed++) {
      const stage = await running(seed);
      const edit = stage.simulated.editForeign(NAMESPACE, "token");
      const object = { apiVersion: edit?.kind === "Deployment" ? "apps/v1" : "v1", kind: edit?.kind ?? "" };
      const seen = await stage.cluster.read({ ...object, metadata: { name: edit?.name ?? "" } }, signal);
      tokens.add(`${edit?.value} ${seen?.token?.generation}`);
    }
    expect([...tokens].sort()).toEqual(["6.1 6", "8.1 8", "edited undefined", "undefined undefined"]);
  });

  it("of a ConfigMap that may change touches its data", async () => {
    const stage = createStage();
    await stage.apply(config("settings", { LEVEL: "info" }));
    expect(stage.simulated.editForeign(NAMESPACE, "field")).toMatchObject({ path: ["data", "LEVEL"] });
    expect(stage.simulated.objects()[0]?.["data"]).toEqual({ LEVEL: "edited" });
  });

  it("of nothing is none, and by itself it is any of the four", async () => {
    expect(createStage().simulated.editForeign(NAMESPACE)).toBeUndefined();
    const stage = await running();
    const kinds = new Set(Array.from({ length: 60 }, () => stage.simulated.editForeign(NAMESPACE)?.edit));
    expect([...kinds].sort()).toEqual(["annotation", "field", "label", "token"]);
  });
});

it("somebody deletes any of a ConfigMap, a Service and a Deployment, until none is left", async () => {
  const stage = await running();
  const gone = [1, 2, 3].map(() => stage.simulated.deleteForeign(NAMESPACE)?.kind);
  expect(gone.sort()).toEqual(["ConfigMap", "Deployment", "Service"]);
  expect(stage.simulated.deleteForeign(NAMESPACE)).toBeUndefined();
  stage.rest();
  expect(stage.simulated.objects()).toEqual([]);
  expect(await stage.cluster.pods("good:1", signal)).toEqual([]);
  expect(new Set(stage.capacities.map(({ cause }) => cause))).toEqual(new Set(["delete"]));
});

it("what the Deployment controller has seen before moves no version", async () => {
  const stage = await running();
  stage.simulated.takeField(NAMESPACE, { kind: "Deployment", name: "churn" }, ["metadata", "labels", "team"], "growth");
  const before = await stage.seen(workload("good:1"));
  expect(stage.simulated.nextAt()).toBeGreaterThan(stage.now());
  stage.rest();
  expect(await stage.seen(workload("good:1"))).toEqual(before);
});

it("a controller's touch moves the version and changes nothing", async () => {
  const stage = await running();
  const { resourceVersion: before } = await stage.seen(service());
  expect(stage.simulated.touch(NAMESPACE, { kind: "Service", name: "churn" })).toEqual({
    kind: "Service",
    name: "churn",
  });
  expect((await stage.seen(service())).resourceVersion).not.toBe(before);
  expect(stage.simulated.changes()).toHaveLength(3);
  expect(stage.simulated.touch("empty")).toBeUndefined();
});

it("a field of what is not there cannot be taken", () => {
  const take = () => createStage().simulated.takeField(NAMESPACE, { kind: "Service", name: "absent" }, ["spec"], {});
  expect(take).toThrow("Service absent is not there.");
});
