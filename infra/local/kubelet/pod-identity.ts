import type { V1Pod } from "@kubernetes/client-node";

export type PodIdentity = { readonly name: string; readonly namespace: string; readonly uid: string };

/** Which pod this is; throws for an object that no API server has named. */
export function podIdentity({ metadata }: V1Pod): PodIdentity {
  const { name, namespace, uid } = metadata ?? {};
  if (!name || !namespace || !uid) throw new Error("a pod without name, namespace or uid");
  return { name, namespace, uid };
}
