import { PermanentError } from "../../domain/errors.ts";
import type { ObjectReference } from "../../ports/cluster.ts";

/** What Belay applies, and where it lies in the API. Belay's namespace role names the same. */
export const KINDS = [
  { apiVersion: "v1", kind: "ConfigMap", plural: "configmaps" },
  { apiVersion: "v1", kind: "Service", plural: "services" },
  { apiVersion: "apps/v1", kind: "Deployment", plural: "deployments" },
  { apiVersion: "policy/v1", kind: "PodDisruptionBudget", plural: "poddisruptionbudgets" },
  { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", plural: "networkpolicies" },
] as const;

/** Kinds whose leftovers are removed; the others have fixed names and stay. */
export const PRUNED_KINDS = KINDS.filter(({ kind }) => kind !== "Service" && kind !== "Deployment");

/** `/api/v1/namespaces/models/configmaps` */
export function collectionPath(apiVersion: string, kind: string, namespace: string): string {
  const known = KINDS.find((one) => one.apiVersion === apiVersion && one.kind === kind);
  if (known === undefined)
    throw new PermanentError(
      "release-invalid",
      `${apiVersion} ${kind} cannot be part of a release; Belay applies ${KINDS.map((one) => one.kind).join(", ")}.`,
    );
  const root = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  return `${root}/namespaces/${encodeURIComponent(namespace)}/${known.plural}`;
}

export function objectPath({ apiVersion, kind, metadata }: ObjectReference, namespace: string): string {
  return `${collectionPath(apiVersion, kind, namespace)}/${encodeURIComponent(metadata.name)}`;
}
