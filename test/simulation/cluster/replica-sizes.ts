import type { DeploymentSpec } from "./deployment-spec.ts";
import { countPods, isAvailable, type PodSet } from "./workload.ts";

// The arithmetic of the Deployment controller: pkg/controller/deployment of Kubernetes, rolling.go and sync.go.

/** Replicas the sets are asked for. */
export function wanted(sets: readonly PodSet[]): number {
  return sets.reduce((sum, { replicas }) => sum + replicas, 0);
}

const active = (sets: readonly PodSet[]): readonly PodSet[] => sets.filter(({ replicas }) => replicas > 0);

/** Asks a set for so many pods and notes what the Deployment wanted; says whether that is another number. */
export function resize(spec: DeploymentSpec, set: PodSet, size: number): boolean {
  set.desired = spec.replicas;
  set.maximum = spec.replicas + spec.surge;
  if (set.replicas === size) return false;
  set.replicas = size;
  return true;
}

/** Whether `replicas` changed since the sets were sized. */
export function isScaling(spec: DeploymentSpec, sets: readonly PodSet[]): boolean {
  return sets.some(({ replicas, desired }) => replicas > 0 && desired !== spec.replicas);
}

/** Sizes all sets for another number of replicas; in the middle of an update each gets its share. */
export function scaleSets(
  spec: DeploymentSpec,
  sets: readonly PodSet[],
  current: PodSet | undefined,
  time: number,
): void {
  for (const [set, size] of sizesFor(spec, active(sets), current, time)) resize(spec, set, size);
}

function sizesFor(
  spec: DeploymentSpec,
  running: readonly PodSet[],
  current: PodSet | undefined,
  time: number,
): Iterable<readonly [PodSet, number]> {
  if (running.length === 1) return running.map((only) => [only, spec.replicas]);
  if (isSaturated(spec, current, time)) return running.map((set) => [set, set === current ? set.replicas : 0]);
  return proportionalSizes(spec, running);
}

function isSaturated(spec: DeploymentSpec, current: PodSet | undefined, time: number): boolean {
  if (current === undefined || current.replicas !== spec.replicas || current.desired !== spec.replicas) return false;
  return countPods([current], isAvailable(spec, time)) === spec.replicas;
}

function proportionalSizes(spec: DeploymentSpec, sets: readonly PodSet[]): ReadonlyMap<PodSet, number> {
  const allowed = spec.replicas > 0 ? spec.replicas + spec.surge : 0;
  const toAdd = allowed - wanted(sets);
  const newerFirst = toAdd > 0 ? 1 : -1;
  const order = [...sets].sort((a, b) => b.replicas - a.replicas || (b.order - a.order) * newerFirst);
  const sizes = new Map<PodSet, number>();
  let added = 0;
  for (const set of order) {
    const part = added === toAdd ? 0 : share(spec, set, toAdd, added);
    sizes.set(set, set.replicas + part);
    added += part;
  }
  const [largest] = order;
  if (largest !== undefined) sizes.set(largest, Math.max(0, (sizes.get(largest) ?? 0) + toAdd - added));
  return sizes;
}

function share({ replicas, surge }: DeploymentSpec, set: PodSet, toAdd: number, added: number): number {
  const exact = (set.replicas * (replicas + surge)) / set.maximum;
  const part = replicas === 0 ? -set.replicas : Math.round(exact) - set.replicas;
  return toAdd > 0 ? Math.min(part, toAdd - added) : Math.max(part, toAdd - added);
}

/** One move of a rolling update: the newest grows as far as the surge allows, else old ones shrink; says whether one did. */
export function roll(spec: DeploymentSpec, sets: readonly PodSet[], newest: PodSet, time: number): boolean {
  return grow(spec, sets, newest) || shrinkOld(spec, sets, newest, time);
}

function grow(spec: DeploymentSpec, sets: readonly PodSet[], newest: PodSet): boolean {
  const room = spec.replicas + spec.surge - wanted(sets);
  const missing = spec.replicas - newest.replicas;
  const size = newest.replicas + (missing < 0 ? missing : Math.max(0, Math.min(room, missing)));
  return newest.replicas !== size && resize(spec, newest, size);
}

/** Unavailable old pods first, then as many available ones as may be missed. */
function shrinkOld(spec: DeploymentSpec, sets: readonly PodSet[], newest: PodSet, time: number): boolean {
  const old = active(sets).filter((set) => set !== newest);
  const minAvailable = spec.replicas - spec.unavailable;
  const available = isAvailable(spec, time);
  const pending = newest.replicas - countPods([newest], available);
  const spare = wanted(sets) - minAvailable - pending;
  if (old.length === 0 || spare <= 0) return false;
  const broken = shrink(spec, old, spare, (set) => set.replicas - countPods([set], available));
  const missable = countPods(sets, available) - minAvailable;
  return shrink(spec, old, missable, ({ replicas }) => replicas) + broken > 0;
}

function shrink(
  spec: DeploymentSpec,
  sets: readonly PodSet[],
  budget: number,
  removable: (set: PodSet) => number,
): number {
  let taken = 0;
  for (const set of sets) {
    const count = Math.min(budget - taken, removable(set), set.replicas);
    if (count <= 0) continue;
    resize(spec, set, set.replicas - count);
    taken += count;
  }
  return taken;
}
