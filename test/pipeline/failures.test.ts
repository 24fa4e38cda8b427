import { describe, expect, it } from "vitest";
import { PermanentError, TransientError } from "../../shared/domain/errors.ts";
import { policyFor } from "./manifests.ts";
import { createWorld, type VersionFate } from "./world.ts";

const unreachable = (retryAfterSeconds?: number) =>
  new TransientError("unreachable", "The API server gave no answer.", { retryAfterSeconds });

describe("an API server that is away", () => {
  it("for four minutes of a rollback does not end the rollback", async () => {
    const world = createWorld({ fates: { "2": "crash" } });
    await world.deploy("1");
    await world.promote("2");
    await world.run(undefined, () => world.endings()[1]?.phase === "Running" && atStep(world) === "rollback");
    const back = world.now() + 240_000;
    const { read } = world.cluster;
    world.cluster.read = async (...given) => {
      if (world.now() < back) throw unreachable();
      return read(...given);
    };
    await world.run();
    expect(world.endings()[1]).toMatchObject({ phase: "RolledBack", serving: { model: { version: "1" } } });
  });

  it("and asks to be tried again in a second is not asked six times within seconds", async () => {
    const world = createWorld();
    await world.deploy("1");
    await world.promote("2");
    await world.run(undefined, () => atStep(world) === "verify");
    const back = world.now() + 60_000;
    const { pods } = world.cluster;
    world.cluster.pods = async (...given) => {
      if (world.now() < back) throw unreachable(1);
      return pods(...given);
    };
    await world.run();
    expect(world.endings()[1]).toMatchObject({ phase: "Succeeded" });
  });
});

describe("a build service that was down", () => {
  it("keeps no later wish for the same version from being built", async () => {
    const fates: Record<string, VersionFate> = { "1": "build-service" };
    const world = createWorld({ fates });
    await world.deploy("1");
    delete fates["1"];
    // The runs that failed stay failed.
    const dead = new Set(world.builder.builds().map(({ name }) => name));
    const { look } = world.builder;
    world.builder.look = async (name, signal) =>
      dead.has(name) ? { kind: "failed", cause: "service", message: "no agent", lastLines: [] } : look(name, signal);
    await world.deploy("1");
    expect(world.endings().map(({ phase }) => phase)).toEqual(["Failed", "Succeeded"]);
  });

  it("is given the context anew when a source it was given before cannot be fetched any more", async () => {
    const world = createWorld();
    const { look } = world.builder;
    const asked = () => world.builder.builds();
    world.builder.look = async (name, signal) => {
      const lost = asked().some((build) => build.name === name && build.sourcePath === "source/1.tar.gz");
      return lost
        ? { kind: "failed", cause: "service", message: "failed to download context", lastLines: [] }
        : look(name, signal);
    };
    await world.deploy("1");
    expect(world.endings()).toMatchObject([{ phase: "Succeeded" }]);
  });
});

describe("a wish", () => {
  it("signed by a clock that is ahead is one wish however often it is delivered", async () => {
    const world = createWorld({ fates: { "1": "build-broken" } });
    const message = await world.promote("1", world.now() + 120_000);
    await world.run();
    await world.handOver(world.spawn(), message);
    await world.run();
    expect(world.endings()).toHaveLength(1);
  });

  it("reaches every target that can take it when another cannot", async () => {
    const world = createWorld();
    world.policies.unshift(policyFor({ target: "broken", workload: "broken" }));
    const { readTarget } = world.store;
    world.store.readTarget = async (target) => {
      if (target === "broken") throw new PermanentError("bad-answer", "A row of the table cannot be read.");
      return readTarget(target);
    };
    await world.deploy("1");
    expect(world.endings()).toMatchObject([{ target: "churn", phase: "Succeeded" }]);
    expect(world.bus.poisoned()).toMatchObject([
      { queue: "promotions", reason: expect.stringContaining("cannot be read") },
    ]);
  });

  it("outlives a registry that refuses Belay until a person has mended its access", async () => {
    const world = createWorld();
    const mended = world.now() + 3_600_000;
    const { resolve } = world.registry;
    world.registry.resolve = async (...given) => {
      if (world.now() < mended) throw new PermanentError("access-denied", "MLflow answered 401.");
      return resolve(...given);
    };
    await world.deploy("1");
    expect(world.endings()).toMatchObject([{ phase: "Succeeded" }]);
    expect(world.bus.poisoned()).toEqual([]);
  });
});

describe("a workload", () => {
  it("that another target runs is not taken over", async () => {
    const world = createWorld({ policy: { target: "other" } });
    await world.deploy("1");
    const image = world.cluster.serving();
    world.policies.splice(0, 1, policyFor());
    await world.deploy("2");
    expect(world.endings()[1]).toMatchObject({ target: "churn", phase: "Failed", problem: { code: "foreign-change" } });
    expect(world.cluster.serving()).toBe(image);
  });
});

describe("a rollback", () => {
  it("is not failed by what the candidate left in the workload's conditions", async () => {
    const world = createWorld({ fates: { "2": "crash" } });
    await world.deploy("1");
    const { workload } = world.cluster;
    let looks = 0;
    world.cluster.workload = async (...given) => {
      const status = await workload(...given);
      if (status === undefined || atStep(world) !== "rollback" || looks++ > 1) return status;
      return { ...status, progressing: { reason: "ProgressDeadlineExceeded", message: "the candidate's" } };
    };
    await world.deploy("2");
    expect(world.endings()[1]).toMatchObject({ phase: "RolledBack" });
  });

  it("puts the stable release back also when the candidate's cannot be read any more", async () => {
    const world = createWorld({ fates: { "2": "crash" } });
    await world.deploy("1");
    await world.promote("2");
    await world.run(undefined, () => atStep(world) === "rollback");
    const candidate = world.endings()[1]?.work.release?.id;
    const { readBundle } = world.store;
    world.store.readBundle = async (target, kind, id) => (id === candidate ? undefined : readBundle(target, kind, id));
    await world.run();
    expect(world.endings()[1]).toMatchObject({ phase: "RolledBack" });
    expect(world.cluster.serving()).toBe(world.target()?.stable?.image);
  });

  it("waits for a stable image whose pull is held up, for as long as it has time", async () => {
    const world = createWorld({ fates: { "2": "crash" } });
    await world.deploy("1");
    await world.promote("2");
    await world.run(undefined, () => atStep(world) === "rollback");
    const pulled = world.now() + 120_000;
    const { workload, pods } = world.cluster;
    world.cluster.workload = async (...given) => {
      const status = await workload(...given);
      return status === undefined || world.now() >= pulled ? status : { ...status, updatedReplicas: 0 };
    };
    world.cluster.pods = async (...given) => {
      const waiting = { reason: "ImagePullBackOff", message: "429 Too Many Requests" };
      if (world.now() >= pulled) return pods(...given);
      return [
        { name: "pod-0", ready: false, terminating: false, containers: [{ name: "model", restarts: 0, waiting }] },
      ];
    };
    await world.run();
    expect(world.endings()[1]).toMatchObject({ phase: "RolledBack" });
  });

  it("has as much time as a rollout where pods take long to start", async () => {
    const { rollout } = policyFor();
    const policy = { rollout: { ...rollout, startupSeconds: 1200, timeoutSeconds: 1800 } };
    const world = createWorld({ fates: { "2": "crash" }, policy });
    await world.deploy("1");
    await world.promote("2");
    await world.run(undefined, () => atStep(world) === "rollback");
    const up = world.now() + 1_000_000;
    const { workload } = world.cluster;
    world.cluster.workload = async (...given) => {
      const status = await workload(...given);
      return status === undefined || world.now() >= up ? status : { ...status, updatedReplicas: 0 };
    };
    await world.run();
    expect(world.endings()[1]).toMatchObject({ phase: "RolledBack" });
  });

  it("verifies the stable release by the policy it was proven with", async () => {
    const world = createWorld({ fates: { "2": "crash" } });
    await world.deploy("1");
    const { getPod } = world.cluster.prober;
    world.cluster.prober.getPod = async (...given) =>
      given[2] === "/ready" ? getPod(...given) : { kind: "answer", status: 404, body: "", latencyMs: 1 };
    const { verify } = policyFor();
    world.policies.splice(0, 1, policyFor({ verify: { ...verify, health: { ...verify.health, path: "/healthz" } } }));
    await world.deploy("2");
    expect(world.endings()[1]).toMatchObject({ phase: "RolledBack" });
  });
});

describe("a deployment whose policy cannot be read any more", () => {
  it("ends, and everybody is told", async () => {
    const world = createWorld();
    const { readBundle } = world.store;
    world.store.readBundle = async (target, kind, id) => (kind === "policy" ? undefined : readBundle(target, kind, id));
    await world.deploy("1");
    expect(world.endings()).toMatchObject([{ phase: "Failed", problem: { code: "configuration-wrong" } }]);
    expect(world.told).toHaveLength(2);
  });

  it("holds its target when the cluster was changed already", async () => {
    const world = createWorld();
    await world.deploy("1");
    await world.promote("2");
    await world.run(undefined, () => atStep(world) === "verify");
    const { readBundle } = world.store;
    world.store.readBundle = async (target, kind, id) => (kind === "policy" ? undefined : readBundle(target, kind, id));
    await world.run();
    expect(world.endings()[1]).toMatchObject({ phase: "RollbackFailed", problem: { code: "configuration-wrong" } });
    expect(world.target()).toMatchObject({ hold: { generation: world.endings()[1]?.generation } });
  });
});

describe("a step message", () => {
  it("that comes before its time makes no visit, and comes again at it", async () => {
    const world = createWorld();
    await world.promote("1");
    await world.run(undefined, () => (resumeAt(world) ?? 0) > world.now() + 1_500);
    const before = world.endings()[0];
    const looks = world.store.visits().length;
    if (before?.phase !== "Running") throw new Error("it has ended");
    const { target, generation, sequence } = before;
    const body = { target, generation, sequence };
    await world.handOver(world.spawn(), { queue: before.step, id: "early", body });
    expect(world.store.visits()).toHaveLength(looks);
    expect(world.bus.sent().at(-1)).toMatchObject({ queue: before.step, body, at: before.resumeAt });
  });
});

describe("a deployment that waited", () => {
  it("starts with the ending it waited for, not with its next look", async () => {
    const world = createWorld();
    await world.promote("1");
    await world.run(undefined, () => world.cluster.changes().length > 0);
    await world.promote("2");
    await world.run(undefined, () => world.endings()[0]?.phase === "Succeeded");
    const { sequence, target, generation } = world.endings()[1] ?? {};
    expect(world.bus.sent()).toContainEqual(
      expect.objectContaining({ queue: "validate", at: world.now(), body: { target, generation, sequence } }),
    );
  });

  it.each([
    { fate: "good", policy: "keep", end: "Rejected" },
    { fate: "crash", policy: "keep", end: "Succeeded" },
    { fate: "good", policy: "follow", end: "Succeeded" },
  ] as const)(
    "after a version that ends $fate, where the policy says $policy for older ones, ends $end",
    async ({ fate, policy, end }) => {
      const world = createWorld({ policy: { movedBack: policy }, fates: { "3": fate } });
      await world.deploy("1");
      await world.promote("3");
      await world.run(undefined, () => world.target()?.changing === true);
      await world.promote("2");
      await world.run();
      const waited = world.endings()[2];
      expect(waited).toMatchObject({ model: { version: "2" }, phase: end, changed: end === "Succeeded" });
      if (end === "Rejected") expect(waited).toMatchObject({ problem: { code: "moved-back", kind: "failed" } });
      expect(world.target()?.stable?.model.version).toBe(end === "Rejected" ? "3" : "2");
      expect(world.target()?.quarantine.map(({ model }) => model.version)).toEqual(fate === "crash" ? ["3"] : []);
    },
  );
});

describe("the stable image", () => {
  it("is locked before it is looked for: found first, it could be gone before it is locked", async () => {
    const world = createWorld();
    await world.deploy("1");
    const asked: string[] = [];
    const { lock, exists } = world.images;
    world.images.lock = async (...given) => {
      asked.push("lock");
      return lock(...given);
    };
    world.images.exists = async (...given) => {
      asked.push("exists");
      return exists(...given);
    };
    await world.promote("2");
    await world.run(undefined, () => atStep(world) === "verify");
    expect(asked.slice(-2)).toEqual(["lock", "exists"]);
  });
});

function resumeAt(world: ReturnType<typeof createWorld>): number | undefined {
  const newest = world.endings().at(-1);
  return newest?.phase === "Running" ? newest.resumeAt : undefined;
}

/** The step of the newest deployment, while it runs. */
function atStep(world: ReturnType<typeof createWorld>): string | undefined {
  const newest = world.endings().at(-1);
  return newest?.phase === "Running" ? newest.step : undefined;
}
