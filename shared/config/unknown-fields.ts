import type { KubernetesObject } from "../domain/release.ts";
import fields from "./kubernetes-fields.json" with { type: "json" };
import { nearest } from "./nearest.ts";

/** A field that Kubernetes does not know. */
export interface UnknownField {
  path: readonly (string | number)[];
  /** The known field that somebody most likely meant. */
  meant: string | undefined;
}

/** Fields by class; `infra/local/build/kubernetes-fields.ts` writes them. */
const FIELDS: Readonly<Record<string, Readonly<Record<string, string>>>> = fields;

/** Classes by kind. What a custom resource may hold is for its definition to say, which the API server asks. */
const CLASSES: Readonly<Record<string, string>> = {
  "v1/ConfigMap": "V1ConfigMap",
  "v1/Service": "V1Service",
  "apps/v1/Deployment": "V1Deployment",
  "autoscaling/v2/HorizontalPodAutoscaler": "V2HorizontalPodAutoscaler",
  "policy/v1/PodDisruptionBudget": "V1PodDisruptionBudget",
  "networking.k8s.io/v1/NetworkPolicy": "V1NetworkPolicy",
};

/** Every field of an object that the API server would refuse, in the object's order. Pure. */
export function unknownFields(object: KubernetesObject): readonly UnknownField[] {
  const root = CLASSES[`${object.apiVersion}/${object.kind}`];
  return root === undefined ? [] : search(object, root, []);
}

/** A class stands for itself, for a list of it, and for a map to it. */
function search(value: unknown, name: string, path: readonly (string | number)[]): readonly UnknownField[] {
  if (Array.isArray(value)) return value.flatMap((item, index) => search(item, name, [...path, index]));
  const known = FIELDS[name];
  if (value === null || typeof value !== "object" || known === undefined) return [];
  return Object.entries(value).flatMap(([field, inner]): readonly UnknownField[] => {
    const next = known[field];
    if (next === undefined) return [{ path: [...path, field], meant: nearest(field, Object.keys(known)) }];
    return next === "" ? [] : search(inner, next, [...path, field]);
  });
}
