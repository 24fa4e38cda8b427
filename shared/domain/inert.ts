import {
  atZero,
  isWorkload,
  type KubernetesObject,
  LABELS,
  type ObjectIdentity,
  objectKey,
  type Release,
} from "./release.ts";

/** No Deployment of a target can have this name, and no pod of one this label: theirs have no dots. */
const NOTHING = "detached.belay.dev";
const NO_PODS = { matchLabels: { [LABELS.target]: NOTHING } };

/** By kind, what an object beside a workload holds so that it acts on nothing. */
const INERT_SPECS: ReadonlyMap<string, Readonly<Record<string, unknown>>> = new Map([
  [
    "HorizontalPodAutoscaler",
    {
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: NOTHING },
      minReplicas: 1,
      maxReplicas: 1,
    },
  ],
  ["NetworkPolicy", { podSelector: NO_PODS }],
  ["PodDisruptionBudget", { selector: NO_PODS }],
]);

/** Whether objects of the kind act on a workload beside them; monitors and rules only read, and harm nobody until they are pruned. */
export function actsOnPods({ kind }: Pick<KubernetesObject, "kind">): boolean {
  return INERT_SPECS.has(kind);
}

/**
 * The same object acting on nothing, unlike a deletion fenced like every change: a workload at zero, an autoscaler
 * without anything to scale, a policy or a budget about no pods. Undefined: of a kind that does no harm as it is.
 */
export function inertForm(object: KubernetesObject): KubernetesObject | undefined {
  return isWorkload(object) ? atZero(object) : detached(object);
}

/** The inert form of what stands beside a workload; of it only the identity needs to be known. */
export function detached({ apiVersion, kind, metadata }: ObjectIdentity): KubernetesObject | undefined {
  const spec = INERT_SPECS.get(kind);
  return spec === undefined ? undefined : { apiVersion, kind, metadata, spec };
}

/** What only the candidate has, in the form in which it does nothing after a rollback, even if a frozen worker could still create it. */
export function inertLeftovers(candidate: Release, stable: Release): readonly KubernetesObject[] {
  const kept = new Set(stable.fixed.map(objectKey));
  return candidate.fixed
    .filter((object) => !kept.has(objectKey(object)))
    .map(inertForm)
    .filter((object) => object !== undefined);
}
