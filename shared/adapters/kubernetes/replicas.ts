import { record } from "../../domain/manifest.ts";
import { isAutoscaled, type KubernetesObject } from "../../domain/release.ts";
import type { ObservedObject, ObservedReplicas } from "../../ports/cluster.ts";
import type { StoredWorkload } from "./schemas.ts";

/** Who holds the number of an autoscaler's workload, so that Belay can leave the field out without resetting it to 1. */
export const REPLICAS_MANAGER = "belay-replicas";
/** How a HorizontalPodAutoscaler owns what it set. */
const AUTOSCALER = "kube-controller-manager/scale";
/** Managers whose word on the number is Belay's to change. */
const OURS: readonly string[] = ["belay", REPLICAS_MANAGER, AUTOSCALER];

/** What the second field manager applies first, and whether it takes the number from who has it. */
export interface HandOver {
  object: KubernetesObject;
  force: boolean;
}

/** What has to be done with a workload's replicas before it is applied, and how it is applied then. */
export interface ReplicasPlan {
  handOver?: HandOver;
  object: KubernetesObject;
}

/** Reads the number and its owners out of a workload. */
export function observeReplicas(found: StoredWorkload): ObservedReplicas {
  const owners = found.metadata.managedFields
    .filter(({ fieldsV1 }) => fieldsV1?.["f:spec"]?.["f:replicas"] !== undefined)
    .map(({ manager, subresource }) => (subresource === undefined ? manager : `${manager}/${subresource}`));
  return { count: found.spec.replicas, autoscaled: isAutoscaled(found), owners };
}

/**
 * A field that its only manager leaves out is reset to its default, here to one pod, so it gets a second manager first;
 * and it is taken by force only from the autoscaler that Belay put there. Pure.
 */
export function planReplicas(object: KubernetesObject, seen: ObservedObject | undefined): ReplicasPlan {
  if (seen?.replicas === undefined) return { object };
  const { replicas: given, ...spec } = record(object["spec"]);
  const wanted = typeof given === "number" ? given : 1;
  return isAutoscaled(object)
    ? leave(object, { ...object, spec }, seen.replicas, wanted)
    : takeBack(object, seen.replicas, wanted);
}

/** At no pods an autoscaler is switched off, so the first number is set again. */
function leave(
  object: KubernetesObject,
  without: KubernetesObject,
  { count, owners }: ObservedReplicas,
  first: number,
): ReplicasPlan {
  if (count === 0) return areOurs(owners) ? { handOver: handOver(object, first, true), object: without } : { object };
  // Who does not own the field resets nothing by leaving it out.
  return owners.includes("belay") ? { handOver: handOver(object, count, false), object: without } : { object: without };
}

/** The second manager stays: it shows that what an autoscaler owns beside it is no foreign change. */
function takeBack(object: KubernetesObject, { owners, autoscaled }: ObservedReplicas, wanted: number): ReplicasPlan {
  const wasLeft = autoscaled || owners.includes(REPLICAS_MANAGER);
  return wasLeft && areOurs(owners) ? { handOver: handOver(object, wanted, true), object } : { object };
}

function areOurs(owners: readonly string[]): boolean {
  return owners.every((owner) => OURS.includes(owner));
}

function handOver({ apiVersion, kind, metadata: { name } }: KubernetesObject, replicas: number, force: boolean) {
  return { object: { apiVersion, kind, metadata: { name }, spec: { replicas } }, force };
}
