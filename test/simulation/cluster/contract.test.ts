import type { KubernetesObject } from "../../../shared/domain/release.ts";
import { clusterContract, type PodFate } from "../../contracts/cluster.ts";
import { createSimulatedCluster } from "./simulated-cluster.ts";
import { PORT, START, seeded, signal } from "./stage.ts";

clusterContract("the simulator's", async () => {
  let now = START;
  let fate: PodFate = "good";
  const simulated = createSimulatedCluster({ now: () => now, behaviour: () => fate, random: seeded(1) });
  const access = simulated.open("contract");
  const named = (name: string) => ({ kind: "ConfigMap", name });
  const find = (name: string): KubernetesObject | undefined =>
    simulated.objects("contract").find(({ kind, metadata }) => kind === "ConfigMap" && metadata.name === name);
  return {
    access,
    port: PORT,
    touch: async (name) => void simulated.touch("contract", named(name)),
    takeOver: async (name) => simulated.takeField("contract", named(name), ["data", "LEVEL"], "theirs"),
    recreate: async (name) => {
      const object = find(name);
      if (object === undefined) throw new Error(`${name} is not there.`);
      simulated.deleteForeign("contract", named(name));
      await access.cluster.apply(object, undefined, signal);
    },
    data: async (name) => find(name)?.["data"] as Record<string, string> | undefined,
    settle: async (chosen) => {
      fate = chosen;
      now += 60_000;
      simulated.advanceTo(now);
    },
  };
});
