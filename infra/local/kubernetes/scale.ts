import { type JsonObject, objectAt } from "./json.ts";
import type { KubeObject, LabelSelector } from "./objects.ts";
import { formatSelector } from "./selectors.ts";
import { badRequest } from "./status-error.ts";

/** The `autoscaling/v1` Scale of a Deployment or ReplicaSet. */
export function scaleOf(object: KubeObject): JsonObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const spec = objectAt(object, "spec");
  return {
    kind: "Scale",
    apiVersion: "autoscaling/v1",
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: spec["replicas"] },
    status: {
      replicas: objectAt(object, "status")["replicas"] ?? 0,
      // Only kinds whose stored selector has this shape have a scale.
      selector: formatSelector(objectAt(spec, "selector") as LabelSelector),
    },
  };
}

/** The object as a Scale wants it; a resourceVersion in the Scale is kept as the lock. */
export function withScale(object: KubeObject, scale: JsonObject): JsonObject {
  const { replicas = 0 } = objectAt(scale, "spec");
  if (typeof replicas !== "number" || !Number.isInteger(replicas))
    throw badRequest('Scale in version "v1" cannot be handled as a Scale: spec.replicas must be an integer');
  const { resourceVersion } = objectAt(scale, "metadata");
  return {
    ...object,
    metadata: { ...object.metadata, resourceVersion },
    spec: { ...objectAt(object, "spec"), replicas },
  };
}
