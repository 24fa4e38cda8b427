import { InvalidManifestError, record } from "../manifest.ts";
import type { TargetPolicy } from "../policy.ts";
import type { KubernetesObject } from "../release.ts";
import { nameOf, withIdentity } from "./identity.ts";
import type { Replicas } from "./workload.ts";

/**
 * How many pods the workload starts with, and whether they are an autoscaler's afterwards; a disruption budget must
 * leave one of them to be evicted.
 * @throws InvalidManifestError
 */
export function replicasOf(base: readonly KubernetesObject[], policy: TargetPolicy): Replicas {
  const [autoscaler, another] = base.filter(({ kind }) => kind === "HorizontalPodAutoscaler");
  if (another !== undefined)
    throw new InvalidManifestError("The base manifests hold more than one HorizontalPodAutoscaler.");
  const replicas = autoscaler === undefined ? policy.rollout.replicas : boundsOf(autoscaler, policy).minReplicas;
  const budgets = base.filter(({ kind }) => kind === "PodDisruptionBudget");
  for (const budget of budgets) refuseStanding(budget, replicas);
  return { replicas, autoscaled: autoscaler !== undefined };
}

/** Nodes could never be drained: every eviction would be refused. */
function refuseStanding({ metadata, spec }: KubernetesObject, replicas: number): void {
  const least = record(spec)["minAvailable"];
  if (typeof least !== "number" || least < replicas) return;
  throw new InvalidManifestError(
    `PodDisruptionBudget ${metadata.name}: with minAvailable ${least} of ${replicas} replicas no node can be drained; ask for fewer, or raise the replicas.`,
  );
}

/** The policy's own numbers, or else the base's. */
function boundsOf({ metadata, spec }: KubernetesObject, { rollout }: TargetPolicy) {
  const { minReplicas = 1, maxReplicas } = { ...record(spec), ...rollout.autoscaling };
  if (
    typeof minReplicas !== "number" ||
    typeof maxReplicas !== "number" ||
    minReplicas < 1 ||
    maxReplicas < minReplicas
  )
    throw new InvalidManifestError(
      `HorizontalPodAutoscaler ${metadata.name}: minReplicas from 1 up and maxReplicas from there up are needed.`,
    );
  return { minReplicas, maxReplicas };
}

/** The autoscaler of the target's workload. */
export function renderAutoscaler(object: KubernetesObject, policy: TargetPolicy): KubernetesObject {
  return {
    ...withIdentity(object, nameOf(object, policy), policy),
    spec: {
      ...record(object["spec"]),
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: policy.workload },
      ...boundsOf(object, policy),
    },
  };
}
