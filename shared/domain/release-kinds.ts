/** A kind that a release may hold, and where it lies in Kubernetes' API. */
export interface ReleaseKind {
  apiVersion: string;
  kind: string;
  plural: string;
  /** Brought by a custom resource definition: left out of a release for a cluster that does not have it. */
  custom?: true;
}

const MONITORING = "monitoring.coreos.com/v1";

/** All that a release may hold; the role in `infra/kubernetes/setup` names the same. */
export const RELEASE_KINDS: readonly ReleaseKind[] = [
  { apiVersion: "v1", kind: "ConfigMap", plural: "configmaps" },
  { apiVersion: "v1", kind: "Service", plural: "services" },
  { apiVersion: "apps/v1", kind: "Deployment", plural: "deployments" },
  { apiVersion: "autoscaling/v2", kind: "HorizontalPodAutoscaler", plural: "horizontalpodautoscalers" },
  { apiVersion: "policy/v1", kind: "PodDisruptionBudget", plural: "poddisruptionbudgets" },
  { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", plural: "networkpolicies" },
  { apiVersion: MONITORING, kind: "ServiceMonitor", plural: "servicemonitors", custom: true },
  { apiVersion: MONITORING, kind: "PrometheusRule", plural: "prometheusrules", custom: true },
];

interface Kinded {
  apiVersion: string;
  kind: string;
}

/** Workloads are scaled to zero instead, and their Service stays: a frozen worker could create a deleted one anew. */
const NEVER_REMOVED = new Set(["Deployment", "StatefulSet", "Service"]);

/** Whether an object of the kind is removed once no release needs it. */
export function isPruned({ kind }: Pick<Kinded, "kind">): boolean {
  return !NEVER_REMOVED.has(kind);
}

/** The kind as a release may hold it; undefined: it may not. */
export function releaseKind({ apiVersion, kind }: Kinded): ReleaseKind | undefined {
  return RELEASE_KINDS.find((known) => known.apiVersion === apiVersion && known.kind === kind);
}

/** `autoscaling/v2 HorizontalPodAutoscaler` */
export function kindText({ apiVersion, kind }: Kinded): string {
  return `${apiVersion} ${kind}`;
}

/** Versions of the API whose kinds a cluster may not have, as far as these objects need them. */
export function customApis(objects: readonly Kinded[]): readonly string[] {
  const custom = objects.filter((object) => releaseKind(object)?.custom === true);
  return [...new Set(custom.map(({ apiVersion }) => apiVersion))];
}
