import type { z } from "zod";
import { ANNOTATIONS } from "../../domain/release.ts";
import { parseToken } from "../../domain/token.ts";
import type { ObservedObject } from "../../ports/cluster.ts";
import { observeReplicas } from "./replicas.ts";
import type { anyObject, StoredWorkload } from "./schemas.ts";

/** What fencing needs of an object that is there. */
export function observe(found: z.infer<typeof anyObject> | StoredWorkload): ObservedObject {
  const { uid, resourceVersion, annotations, labels } = found.metadata;
  const replicas = "spec" in found ? { replicas: observeReplicas(found) } : {};
  return { uid, resourceVersion, labels, token: parseToken(annotations[ANNOTATIONS.token] ?? ""), ...replicas };
}
