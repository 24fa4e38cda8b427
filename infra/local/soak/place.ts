import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { stringify } from "yaml";
import { z } from "zod";

export const NAMESPACE = "models";
export const ALIAS = "champion";

const LOCAL = resolve(import.meta.dirname, "..");
const QUEUES = resolve(LOCAL, "../queues.json");
/** The shortest that Service Bus has: what a killed worker had in hand comes back after it. */
const LOCK_DURATION = "PT5S";

/** The folder with the policy of the soak and everything it names. */
export interface Place {
  policyFile: string;
  queuesFile: string;
  /** Target, model and workload are of the same name. */
  targets: readonly string[];
  remove(): Promise<void>;
}

/** Writes a policy with so many small targets, and the queues with the shortest lock there is. */
export async function writePlace(targets: number): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), "belay-soak-"));
  const names = Array.from({ length: targets }, (_, index) => `soak-${String(index + 1).padStart(2, "0")}`);
  const policyFile = join(folder, "delivery.yaml");
  const queuesFile = join(folder, "queues.json");
  await cp(join(LOCAL, "model-server"), join(folder, "model-server"), { recursive: true });
  await cp(join(LOCAL, "soak/manifests"), join(folder, "manifests"), { recursive: true });
  await writeFile(policyFile, stringify(policyOf(names)));
  await writeFile(queuesFile, JSON.stringify(await impatientQueues()));
  return { policyFile, queuesFile, targets: names, remove: () => rm(folder, { recursive: true, force: true }) };
}

const queues = z.record(z.string(), z.looseObject({}));

async function impatientQueues() {
  const known = queues.parse(JSON.parse(await readFile(QUEUES, "utf8")));
  return Object.fromEntries(
    Object.entries(known).map(([name, properties]) => [name, { ...properties, lockDuration: LOCK_DURATION }]),
  );
}

function policyOf(names: readonly string[]) {
  return {
    version: 1,
    defaults: {
      cluster: { kubeconfig: {} },
      namespace: NAMESPACE,
      gates: [{ metric: "accuracy", above: 0.85 }],
      build: { template: "model-server", baseImage: "scratch" },
      rollout: { manifests: "manifests", replicas: 1, startup: "20s", timeout: "3m" },
      verify: {
        timeout: "2m",
        health: { path: "/ready", attempts: 10, interval: "500ms", successes: 2, timeout: "2s" },
        predictions: {
          path: "/predict",
          count: 3,
          samples: [
            {
              request: {
                instances: [
                  [10, 0],
                  [0.1, 5],
                ],
              },
              expected: [0, 1],
              tolerance: 0.25,
            },
          ],
        },
      },
      notify: ["log"],
    },
    targets: Object.fromEntries(names.map((name) => [name, { model: name, pointer: { alias: ALIAS } }])),
  };
}
