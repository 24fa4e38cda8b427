import { describe, expect, it } from "vitest";
import type { MlflowClient } from "../../../infra/local/mlflow/client.ts";
import { createRandom } from "../../../infra/local/soak/random.ts";
import { createMover, type Mover, WISHES } from "../../../infra/local/soak/wishes.ts";

const { signal } = new AbortController();

/** A registry that only remembers what was done to the alias. */
function createRegistry() {
  const moved: string[] = [];
  let versions = 0;
  const client: Pick<MlflowClient, "createRun" | "logArtifacts" | "createModelVersion" | "setAlias" | "deleteAlias"> = {
    createRun: async () => ({ runId: "run", artifactUri: "mlflow-artifacts:/0/run/artifacts" }),
    logArtifacts: async () => {},
    createModelVersion: async () => String(++versions),
    setAlias: async (_name, _alias, version) => void moved.push(version),
    deleteAlias: async () => void moved.push("deleted"),
  };
  return { moved, client };
}

async function moveOften(seed: number, times: number): Promise<{ mover: Mover; moved: readonly string[] }> {
  const { moved, client } = createRegistry();
  const random = createRandom(seed, "one");
  const mover = createMover({ client, model: "one", random, sleep: async () => {} });
  for (let move = 0; move < times; move++) await mover.move(signal);
  return { mover, moved };
}

describe("whoever moves an alias", () => {
  it("begins with a good version", async () => {
    const { mover, moved } = await moveOften(7, 1);
    expect([moved, mover.fateOf("1"), mover.standing()]).toEqual([["1"], "good", "1"]);
  });

  it("does everything that can be done to an alias, and knows where it stands", async () => {
    const { mover, moved } = await moveOften(7, 200);
    for (const wish of WISHES) expect(mover.counts()[wish]).toBeGreaterThan(3);
    expect(mover.promotions()).toBe(moved.filter((one) => one !== "deleted").length);
    expect(mover.standing() ?? "deleted").toBe(moved.at(-1));
    const fates = new Set(moved.map((version) => mover.fateOf(version)));
    expect(fates).toEqual(new Set(["good", "crashing", "wrong", "unbuildable", "below its gate", undefined]));
  });

  it("does the same for the same seed", async () => {
    expect((await moveOften(7, 50)).moved).toEqual((await moveOften(7, 50)).moved);
    expect((await moveOften(8, 50)).moved).not.toEqual((await moveOften(7, 50)).moved);
  });
});
