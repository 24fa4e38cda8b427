import type { TargetPolicy } from "../policy.ts";
import { type KubernetesObject, LABELS } from "../release.ts";

/** Labels that stand on everything of a target. */
export function labelsOf(policy: TargetPolicy): Record<string, string> {
  return { [LABELS.managedBy]: "belay", ...selectorOf(policy) };
}

/** Chooses a target's pods. Immutable in Kubernetes: must not depend on anything a release changes. */
export function selectorOf(policy: TargetPolicy): Record<string, string> {
  return { [LABELS.name]: policy.workload, [LABELS.target]: policy.target };
}

/** The name under which an object of the base stands in a release. */
export function nameOf({ kind, metadata }: KubernetesObject, { workload }: TargetPolicy): string {
  return kind === "Service" || kind === "Deployment" ? workload : `${workload}-${metadata.name}`;
}

/** An object under its name in the release, in the target's namespace, with labels beside its own. */
export function withIdentity(object: KubernetesObject, name: string, policy: TargetPolicy): KubernetesObject {
  const { labels, annotations } = object.metadata;
  return {
    ...object,
    metadata: {
      name,
      namespace: policy.namespace,
      labels: { ...labels, ...labelsOf(policy) },
      ...(annotations === undefined ? {} : { annotations }),
    },
  };
}
