import { PermanentError } from "../../domain/errors.ts";
import { isPruned, RELEASE_KINDS, releaseKind } from "../../domain/release-kinds.ts";
import type { ObjectReference } from "../../ports/cluster.ts";

/** What Belay applies, and where it lies in the API. Belay's namespace role names the same. */
export const KINDS = RELEASE_KINDS;

/** Kinds whose leftovers are removed; the others have fixed names and stay. */
export const PRUNED_KINDS = KINDS.filter(isPruned);

/** `/api/v1/namespaces/models/configmaps` */
export function collectionPath(apiVersion: string, kind: string, namespace: string): string {
  const known = releaseKind({ apiVersion, kind });
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

/** `Deployment churn`, for sentences. */
export function describeObject({ kind, metadata }: { kind: string; metadata: { name: string } }): string {
  return `${kind} ${metadata.name}`;
}
