import { InvalidManifestError } from "../manifest.ts";
import type { KubernetesObject } from "../release.ts";
import { kindText, RELEASE_KINDS, releaseKind } from "../release-kinds.ts";

/** Kinds that are set-up, applied once by an administrator, and never part of a release. */
const SETUP_KINDS = new Set([
  "Namespace",
  "ServiceAccount",
  "Role",
  "RoleBinding",
  "ClusterRole",
  "ClusterRoleBinding",
]);

/** @throws InvalidManifestError for what no release may hold, with what to do instead. */
export function refuseUnfit(base: readonly KubernetesObject[]): void {
  for (const object of base) {
    const refusal = refusalOf(object);
    if (refusal !== undefined) throw new InvalidManifestError(`${object.kind} ${object.metadata.name}${refusal}`);
  }
}

function refusalOf(object: KubernetesObject): string | undefined {
  const { kind } = object;
  if (SETUP_KINDS.has(kind)) return " is set-up: apply it once, outside the release.";
  if (kind === "Secret") return ": a release is stored and must hold no secret; refer to one by name.";
  if (kind === "StatefulSet") return ": the workload of a target is a Deployment.";
  if (releaseKind(object) !== undefined) return undefined;
  const meant = RELEASE_KINDS.find((known) => known.kind === kind);
  if (meant !== undefined) return `: write ${meant.apiVersion} instead of ${object.apiVersion}.`;
  const known = RELEASE_KINDS.map((one) => one.kind).join(", ");
  return `: ${kindText(object)} cannot be part of a release, which may hold ${known}; apply it once, with the set-up.`;
}
