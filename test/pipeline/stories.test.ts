import { describe, expect, it } from "vitest";
import { createConsumers } from "../../shared/steps/consumers.ts";
import { BASE, policyFor } from "./manifests.ts";
import { createWorld, type VersionFate } from "./world.ts";

describe("a promotion", () => {
  it("is built, rolled out, verified and live", async () => {
    const world = createWorld();
    await world.deploy("1");
    const [first] = world.endings();
    expect(first).toMatchObject({ phase: "Succeeded", model: { version: "1" } });
    expect(world.target()).toMatchObject({ stable: { model: { version: "1" } }, changing: false });
    expect(world.cluster.serving()).toBe(world.target()?.stable?.image);
    expect(world.told.map(({ title }) => title)).toEqual(Array(2).fill("churn-classifier version 1 is live on churn"));
  });

  it("whose container crashes is rolled back to the stable release", async () => {
    const world = createWorld({ fates: { "2": "crash" } });
    await world.deploy("1");
    const image = world.cluster.serving();
    await world.deploy("2");
    expect(world.endings()[1]).toMatchObject({
      phase: "RolledBack",
      problem: { code: "container-dead", kind: "failed", evidence: ["Error: the model cannot be read"] },
      serving: { model: { version: "1" } },
    });
    expect(world.cluster.serving()).toBe(image);
    expect(world.target()?.quarantine).toMatchObject([{ model: { version: "2" } }]);
  });

  it("whose predictions are not finite is rolled back", async () => {
    const world = createWorld({ fates: { "2": "wrong" } });
    await world.deploy("1");
    await world.deploy("2");
    expect(world.endings()[1]).toMatchObject({ phase: "RolledBack", problem: { code: "prediction-wrong" } });
  });

  it("whose build is broken fails and touches nothing on the cluster", async () => {
    const world = createWorld({ fates: { "2": "build-broken" } });
    await world.deploy("1");
    const before = world.cluster.changes().length;
    await world.deploy("2");
    expect(world.endings()[1]).toMatchObject({
      phase: "Failed",
      changed: false,
      problem: { code: "build-broken", kind: "failed" },
    });
    expect(world.cluster.changes()).toHaveLength(before);
  });

  it("whose build service is down is tried again under new names and ends errored", async () => {
    const world = createWorld({ fates: { "1": "build-service" } });
    await world.deploy("1");
    expect(world.endings()[0]).toMatchObject({ phase: "Failed", problem: { kind: "errored", code: "build-service" } });
    expect(new Set(world.builder.builds().map(({ name }) => name)).size).toBe(6);
  });

  it("below its gate is rejected before anything is built", async () => {
    const world = createWorld();
    world.registry.register("churn-classifier", "5", { metrics: { accuracy: 0.85 } });
    await world.deploy("5");
    expect(world.endings()[0]).toMatchObject({ phase: "Rejected", problem: { code: "gate-failed" } });
    expect(world.builder.builds()).toHaveLength(0);
  });

  it("without the metric is rejected and says so", async () => {
    const world = createWorld();
    world.registry.register("churn-classifier", "5", { metrics: {} });
    await world.deploy("5");
    expect(world.endings()[0]).toMatchObject({ phase: "Rejected", problem: { code: "gate-unmeasured" } });
  });

  it("for an alias that points nowhere is recorded as rejected once", async () => {
    const world = createWorld();
    await world.promote("77");
    await world.promote("77", world.now() - 1);
    await world.run();
    expect(world.endings()).toMatchObject([{ phase: "Rejected", problem: { code: "pointer-missing" } }]);
  });

  it("that fails first of all leaves the workload at zero", async () => {
    const world = createWorld({ fates: { "1": "crash" } });
    await world.deploy("1");
    expect(world.endings()[0]).toMatchObject({ phase: "Failed", problem: { code: "container-dead" } });
    expect(world.cluster.find("Deployment", "churn")).toMatchObject({ spec: { replicas: 0 } });
  });

  it("that fails first of all leaves the workload as it is when the policy says so", async () => {
    const world = createWorld({ fates: { "1": "crash" }, policy: { firstFailure: "keep" } });
    await world.deploy("1");
    expect(world.endings()[0]).toMatchObject({ phase: "Failed" });
    expect(world.cluster.find("Deployment", "churn")).toMatchObject({ spec: { replicas: 3 } });
  });

  it("whose pods never come up is rolled back when its time is over", async () => {
    const world = createWorld({ fates: { "2": "stuck" } });
    await world.deploy("1");
    await world.deploy("2");
    expect(world.endings()[1]).toMatchObject({ phase: "RolledBack", problem: { code: "timed-out", kind: "errored" } });
  });

  it("is not rolled out when the stable image is lost", async () => {
    const world = createWorld();
    await world.deploy("1");
    world.images.lose(world.target()?.stable?.image.split("@")[1] ?? "");
    await world.deploy("2");
    expect(world.endings()[1]).toMatchObject({ phase: "Rejected", changed: false, problem: { code: "stable-lost" } });
  });

  it("is locked once it is proven, so that nobody removes what would be put back", async () => {
    const world = createWorld();
    await world.deploy("1");
    expect(world.images.drop(world.target()?.stable?.image.split("@")[1] ?? "")).toBe(false);
  });

  it("whose image is gone by the time it is proven does not become stable", async () => {
    const world = createWorld();
    await world.deploy("1");
    await world.promote("2");
    await world.run(undefined, () => {
      const open = world.endings()[1];
      return open?.phase === "Running" && open.step === "verify";
    });
    world.images.lose(world.endings()[1]?.work.release?.image.split("@")[1] ?? "");
    await world.run();
    expect(world.endings()[1]).toMatchObject({ phase: "RolledBack", problem: { code: "stable-lost" } });
  });

  it("to another place than the target's is rejected before anything is changed", async () => {
    const world = createWorld();
    await world.deploy("1");
    const [policy] = world.policies;
    world.policies.splice(0, 1, policyFor({ ...policy, workload: "elsewhere" }));
    await world.deploy("2");
    expect(world.endings()[1]).toMatchObject({
      phase: "Rejected",
      changed: false,
      problem: { code: "release-invalid" },
    });
  });
});

describe("a target", () => {
  it("takes the same wish twice as one deployment", async () => {
    const world = createWorld();
    const wishedAt = world.now();
    await world.promote("1", wishedAt);
    await world.run();
    await world.promote("1", wishedAt);
    await world.run();
    expect(world.endings()).toHaveLength(1);
  });

  it("takes a wish signed after a failed ending as a new one, and builds nothing again", async () => {
    const fates: Record<string, VersionFate> = { "2": "crash" };
    const world = createWorld({ fates });
    await world.deploy("1");
    await world.deploy("2");
    fates["2"] = "good";
    await world.deploy("2");
    expect(world.endings().map(({ phase }) => phase)).toEqual(["Succeeded", "RolledBack", "Succeeded"]);
    expect(world.builder.builds()).toHaveLength(2);
  });

  it("starts nothing for an event on the version that it runs already", async () => {
    const world = createWorld();
    await world.deploy("1");
    await world.deploy("1");
    expect(world.endings().map(({ phase }) => phase)).toEqual(["Succeeded"]);
  });

  it("supersedes before the first change", async () => {
    const world = createWorld();
    await world.promote("1");
    await world.run(undefined, () => world.builder.builds().length === 1);
    await world.promote("2");
    await world.run();
    expect(world.endings().map(({ phase }) => phase)).toEqual(["Superseded", "Succeeded"]);
  });

  it("lets newer ones wait after the first change and keeps only the newest", async () => {
    const world = createWorld();
    await world.promote("1");
    await world.run(undefined, () => world.cluster.changes().length > 0);
    await world.promote("2");
    await world.run(undefined, () => world.endings().length === 2);
    await world.promote("3");
    await world.run();
    expect(world.endings().map(({ phase }) => phase)).toEqual(["Succeeded", "Superseded", "Succeeded"]);
    expect(world.target()?.stable?.model.version).toBe("3");
  });

  it("is held when somebody else changed the workload, and refuses what follows", async () => {
    const world = createWorld();
    await world.deploy("1");
    world.cluster.tamper("Deployment", "churn", { "belay.dev/token": "1.1" });
    await world.deploy("2");
    await world.deploy("3");
    expect(world.endings()[1]).toMatchObject({
      phase: "Failed",
      changed: false,
      problem: { code: "foreign-change", kind: "errored" },
    });
    expect(world.endings()[2]).toMatchObject({ phase: "Rejected", problem: { code: "held" } });
  });

  it.each(["rollout", "verify"])(
    "is not said to be live when somebody put another image in its place in %s",
    async (step) => {
      const world = createWorld();
      await world.deploy("1");
      const former = world.cluster.find("Deployment", "churn")?.["spec"];
      await world.promote("2");
      await world.run(undefined, () => {
        const last = world.endings().at(-1);
        return last?.phase === "Running" && last.step === step && last.work.rollout?.applied === true;
      });
      const spec = structuredClone(world.cluster.find("Deployment", "churn")?.["spec"]) as Spec;
      spec.template.spec.containers = (former as Spec).template.spec.containers;
      world.cluster.takeOver("Deployment", "churn", { spec });
      await world.run();
      expect(world.endings()[1]).toMatchObject({ phase: "RollbackFailed", cause: { code: "foreign-change" } });
      expect(world.target()).toMatchObject({ hold: {}, stable: { model: { version: "1" } } });
    },
  );

  it("does not take a late wish for a version that failed, but takes a new one", async () => {
    const world = createWorld({ fates: { "2": "crash" } });
    await world.deploy("1");
    const early = world.now();
    await world.deploy("2");
    await world.deploy("3");
    await world.promote("2", early);
    await world.run();
    expect(world.endings()[3]).toMatchObject({ phase: "Rejected", problem: { code: "quarantined" } });
    await world.deploy("2");
    expect(world.endings()[4]).toMatchObject({ phase: "RolledBack" });
  });

  describe("of a version that was proven here before", () => {
    it("puts its kept release out again, and neither judges nor builds it", async () => {
      const world = createWorld();
      await world.deploy("1");
      const first = world.target()?.stable;
      await world.deploy("2");
      const unexpected = () => Promise.reject(new Error("it must not be judged again"));
      Object.assign(world.registry, { readMetrics: unexpected, readInputExample: unexpected });
      await world.deploy("1");
      expect(world.endings()[2]).toMatchObject({ phase: "Succeeded", work: { release: { id: first?.releaseId } } });
      expect(world.endings()[2]?.work).not.toHaveProperty("build");
      expect(world.builder.builds()).toHaveLength(2);
      expect(world.cluster.serving()).toBe(first?.image);
      const visits = world.store.visits().filter(({ generation }) => generation === world.endings()[2]?.generation);
      expect([...new Set(visits.map(({ step }) => step))].sort()).toEqual(["accept", "rollout", "validate", "verify"]);
    });

    it("builds it again when its image is gone", async () => {
      const world = createWorld();
      await world.deploy("1");
      const image = world.target()?.stable?.image ?? "";
      await world.deploy("2");
      world.images.lose(image.slice(image.indexOf("@") + 1));
      await world.deploy("1");
      expect(world.endings()[2]).toMatchObject({ phase: "Succeeded" });
      expect(world.endings()[2]?.work).toHaveProperty("build");
    });

    it("builds it again when the policy is another one since", async () => {
      const world = createWorld();
      await world.deploy("1");
      await world.deploy("2");
      const [policy] = world.policies;
      if (policy !== undefined) world.policies[0] = { ...policy, rollout: { ...policy.rollout, maxSurge: 2 } };
      await world.deploy("1");
      expect(world.endings()[2]?.work).toHaveProperty("build");
      expect(world.endings()[2]).toMatchObject({ phase: "Succeeded" });
    });

    it.each(["manifests", "template"])("builds it again when the %s have changed since", async (what) => {
      const world = createWorld();
      await world.deploy("1");
      const before = world.target()?.stable?.releaseId;
      const process = world.spawn();
      const debug = BASE.map((one) => (one.kind === "ConfigMap" ? { ...one, data: { LOG_LEVEL: "debug" } } : one));
      const patched = { hash: "patched", files: [{ path: "Dockerfile", content: Buffer.from("FROM scratch") }] };
      const consumers = createConsumers({
        ...process.dependencies,
        ...(what === "manifests" ? { readManifests: async () => debug } : { readTemplate: async () => patched }),
      });
      await process.giveCommand("churn", { name: "promote", by: "Ada" });
      await world.run({ ...process, consumers });
      expect(world.endings()[1]).toMatchObject({ phase: "Succeeded", work: { build: {} } });
      expect(world.target()?.stable?.releaseId).not.toBe(before);
    });

    it.each(["moved", "deleted"])("refuses it when it waited and was %s meanwhile", async (what) => {
      const world = createWorld();
      await world.deploy("1");
      await world.deploy("2");
      await world.promote("3");
      await world.run(undefined, () => world.target()?.changing === true);
      await world.promote("1");
      await world.run(undefined, () => world.target()?.waiting !== undefined);
      if (what === "moved") world.pointSilently("3");
      else world.registry.deleteVersion("churn-classifier", "1");
      await world.run();
      expect(world.endings().map(({ phase }) => phase)).toEqual(["Succeeded", "Succeeded", "Succeeded", "Rejected"]);
      expect(world.target()?.stable?.model.version).toBe("3");
    });

    it("is rolled back like any other when it does not serve well any more", async () => {
      const fates: Record<string, VersionFate> = {};
      const world = createWorld({ fates });
      await world.deploy("1");
      await world.deploy("2");
      fates["1"] = "wrong";
      await world.deploy("1");
      expect(world.endings()[2]).toMatchObject({ phase: "RolledBack", serving: { model: { version: "2" } } });
    });
  });

  it("keeps nothing of a candidate that was rolled back", async () => {
    const world = createWorld({ fates: { "2": "crash" } });
    await world.deploy("1");
    const before = world.cluster.objects().map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    await world.deploy("2");
    expect(world.cluster.objects().map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual(before);
  });
});

interface Spec {
  template: { spec: { containers: unknown } };
}
