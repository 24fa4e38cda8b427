import { replicasContract } from "../../contracts/replicas.ts";
import { createSimulatedCluster } from "./simulated-cluster.ts";
import { START, seeded } from "./stage.ts";

replicasContract("the simulator's", async () => {
  const simulated = createSimulatedCluster({ now: () => START, behaviour: () => "good", random: seeded(1) });
  const set = async (replicas: number) =>
    simulated.takeField("contract", { kind: "Deployment", name: "model" }, ["spec", "replicas"], replicas);
  return { cluster: simulated.open("contract").cluster, autoscale: set, setByHand: set };
});
