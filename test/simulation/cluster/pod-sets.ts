import { letters, type Random } from "./chance.ts";
import type { DeploymentSpec } from "./deployment-spec.ts";
import { isEqual } from "./frozen-json.ts";
import type { Pods } from "./pods.ts";
import type { CapacityCause, Pod, PodSet, Workload } from "./workload.ts";

/** The set of the Deployment's own template, where there is one. */
export function findSet({ sets }: Workload, { template }: DeploymentSpec): PodSet | undefined {
  const known = sets.find((set) => set.template === template);
  if (known !== undefined) return known;
  const equal = sets.find((set) => isEqual(set.template.source, template.source));
  if (equal !== undefined) equal.template = template;
  return equal;
}

/** Makes it the newest, which an old one becomes again when its template comes back. */
export function renew(workload: Workload, set: PodSet): void {
  if (set.revision > 0 && set.revision === workload.revisions) return;
  workload.revisions += 1;
  set.revision = workload.revisions;
}

export function createSet(workload: Workload, spec: DeploymentSpec, order: number, random: Random): PodSet {
  const set: PodSet = {
    ...{ workload, template: spec.template, name: `${workload.stored.name}-${letters(random, 9)}`, order, revision: 0 },
    ...{ replicas: 0, given: 0, desired: spec.replicas, maximum: spec.replicas + spec.surge, pods: [] },
  };
  workload.sets.push(set);
  return set;
}

/** Pods to lose go before pods to make, so that no update shows more pods than its surge allows. */
export function resizePods({ sets }: Workload, pods: Pods, cause: CapacityCause): boolean {
  const isWrong = sets.some((set) => set.pods.length !== set.replicas);
  if (isWrong) for (const set of sets) shrinkTo(set, pods, cause);
  for (const set of sets) growTo(set, pods, cause);
  return isWrong;
}

function shrinkTo(set: PodSet, pods: Pods, cause: CapacityCause): void {
  for (const pod of leastLoss(set.pods, set.pods.length - set.replicas)) pods.remove(pod, cause);
}

function growTo(set: PodSet, pods: Pods, cause: CapacityCause): void {
  while (set.pods.length < set.replicas) pods.create(set, set.pods.length < set.given ? "replace" : cause);
  set.given = set.replicas;
}

function leastLoss(pods: readonly Pod[], count: number): readonly Pod[] {
  return count <= 0 ? [] : [...pods].sort(byLoss).slice(0, count);
}

/** Not started, not ready, ready for the shortest time, most often restarted, newest. */
function byLoss(a: Pod, b: Pod): number {
  return (
    Number(a.state !== "creating") - Number(b.state !== "creating") ||
    Number(a.ready) - Number(b.ready) ||
    b.readySince - a.readySince ||
    b.restarts - a.restarts ||
    b.order - a.order
  );
}

/** Old sets without pods are kept only as far as the history goes. */
export function forgetOldest(workload: Workload, spec: DeploymentSpec): void {
  const idle = workload.sets.filter(({ revision, replicas }) => revision < workload.revisions && replicas === 0);
  const excess = idle.length - spec.historyLimit;
  if (excess <= 0) return;
  idle.sort((a, b) => a.revision - b.revision);
  for (const set of idle.slice(0, excess)) workload.sets.splice(workload.sets.indexOf(set), 1);
}
