import { expect, it } from "vitest";
import type { KubernetesObject } from "../../shared/domain/release.ts";
import { createConsumers } from "../../shared/steps/consumers.ts";
import { BASE } from "./manifests.ts";
import { createWorld } from "./world.ts";

const monitor: KubernetesObject = {
  apiVersion: "monitoring.coreos.com/v1",
  kind: "ServiceMonitor",
  metadata: { name: "monitor" },
  spec: { endpoints: [{ port: "http" }] },
};

it("a custom kind is part of the releases that are rendered once the cluster knows it", async () => {
  const world = createWorld();
  const process = world.spawn();
  const readManifests = async () => [...BASE, monitor];
  const withMonitor = { ...process, consumers: createConsumers({ ...process.dependencies, readManifests }) };
  await world.promote("1");
  await world.run(withMonitor);
  expect(world.target()?.stable?.model.version).toBe("1");
  expect(world.cluster.find("ServiceMonitor", "churn-monitor")).toBeUndefined();
  world.cluster.define("ServiceMonitor");
  await world.promote("2");
  await world.run(withMonitor);
  expect(world.target()?.stable?.model.version).toBe("2");
  expect(world.cluster.find("ServiceMonitor", "churn-monitor")).toMatchObject({
    spec: { endpoints: [{ port: "http" }] },
  });
});
