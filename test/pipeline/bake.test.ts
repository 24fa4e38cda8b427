import { describe, expect, it } from "vitest";
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
