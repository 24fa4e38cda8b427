import { describe, expect, it } from "vitest";
import { TransientError } from "../../shared/domain/errors.ts";
import type { ClusterAccess } from "../../shared/ports/cluster.ts";
import { createConsumers } from "../../shared/steps/consumers.ts";
import { policyFor } from "./manifests.ts";
import { createWorld, type VersionFate } from "./world.ts";

const BAKE_MS = 600_000;

function createBaking(fates: Record<string, VersionFate> = {}) {
  const world = createWorld({ fates });
  world.policies[0] = policyFor({ rollout: { ...policyFor().rollout, bakeSeconds: BAKE_MS / 1000 } });
  return world;
}

describe("a release that is watched after its proof", () => {
  it("is live only when it was healthy all the time, and predicts right once more", async () => {
    const world = createBaking();
    await world.promote("1");
    const promotedAt = world.now();
    let probed = 0;
    const { postService } = world.cluster.prober;
    world.cluster.prober.postService = (...given) => {
      probed += 1;
      return postService(...given);
    };
    await world.run();
    const [first] = world.endings();
    expect(first).toMatchObject({ phase: "Succeeded", work: { verify: { bake: { bad: 0, over: true } } } });
    expect(world.now() - promotedAt).toBeGreaterThan(BAKE_MS);
    const policy = world.policies[0];
    expect(probed).toBe(2 * (policy?.verify.predictions.count ?? 0));
  });

  it.each<VersionFate>(["unhealthy", "crash", "wrong"])("goes back when it turns %s meanwhile", async (turns) => {
    const fates: Record<string, VersionFate> = {};
    const world = createBaking(fates);
    await world.deploy("1");
    await world.promote("2");
    await world.run(undefined, () => world.endings().at(-1)?.work.verify?.bake !== undefined);
    const image = world.target()?.stable?.image;
    fates["2"] = turns;
    await world.run();
    expect(world.endings()[1]).toMatchObject({ phase: "RolledBack", problem: { kind: "failed" } });
    expect(world.cluster.serving()).toBe(image);
  });

  /** Plays a bake of which the looks from the third to the `last` meet what the test says. */
  async function bakeWith(last: number, wrap: (access: ClusterAccess) => ClusterAccess) {
    const world = createBaking();
    await world.deploy("1");
    const process = world.spawn();
    const looks = () => {
      const [now] = world.store.deployments().filter((one) => one.phase === "Running");
      return now?.work.verify?.bake?.looks ?? -1;
    };
    const consumers = createConsumers({
      ...process.dependencies,
      openCluster: async (policy) => {
        const access = await process.dependencies.openCluster(policy);
        return looks() >= 2 && looks() < last ? wrap(access) : access;
      },
    });
    await world.promote("2");
    await world.run({ ...process, consumers });
    return world;
  }

  it("says nothing of the model where its pods could not be asked for a while", async () => {
    const getPod = async () => ({ kind: "no-answer", reason: "the proxy did not answer", latencyMs: 2_000 }) as const;
    const world = await bakeWith(8, (access) => ({ ...access, prober: { ...access.prober, getPod } }));
    expect(world.endings()[1]).toMatchObject({ phase: "Succeeded" });
    expect(world.target()?.quarantine).toEqual([]);
  });

  it("leaves pods aside that start meanwhile", async () => {
    const added = { name: "added", ready: false, terminating: false, starting: true, containers: [] };
    const world = await bakeWith(9, ({ cluster, prober, previewer }) => ({
      previewer,
      cluster: { ...cluster, pods: async (...given) => [...(await cluster.pods(...given)), added] },
      prober: {
        ...prober,
        getPod: async (pod, ...given) =>
          pod === "added" ? { kind: "no-answer", reason: "refused", latencyMs: 1 } : prober.getPod(pod, ...given),
      },
    }));
    expect(world.endings()[1]).toMatchObject({ phase: "Succeeded", work: { verify: { bake: { bad: 0 } } } });
  });

  it("bears single errors for as long as it takes", async () => {
    let calls = 0;
    const world = await bakeWith(40, (access) => ({
      ...access,
      cluster: {
        ...access.cluster,
        pods: async (...given) => {
          calls += 1;
          if (calls % 3 === 0) throw new TransientError("unreachable", "the API server answered 503");
          return access.cluster.pods(...given);
        },
      },
    }));
    expect(calls).toBeGreaterThan(20);
    expect(world.endings()[1]).toMatchObject({ phase: "Succeeded" });
  });

  it("bears looks that are not good, as long as they are not as many in a row as it takes to be healthy", async () => {
    const fates: Record<string, VersionFate> = {};
    const world = createBaking(fates);
    await world.deploy("1");
    await world.promote("2");
    const looks = () => world.endings().at(-1)?.work.verify?.bake?.looks ?? 0;
    await world.run(undefined, () => looks() === 2);
    fates["2"] = "unhealthy";
    await world.run(undefined, () => looks() === 4);
    fates["2"] = "good";
    await world.run();
    expect(world.endings()[1]).toMatchObject({ phase: "Succeeded" });
  });
});
