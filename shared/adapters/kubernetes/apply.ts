import type { KubernetesObject } from "../../domain/release.ts";
import type { Cluster, ObservedObject } from "../../ports/cluster.ts";
import { classifyKubeAnswer, isStale } from "./classify.ts";
import { describeObject, objectPath } from "./kinds.ts";
import type { KubeCall } from "./kube-http.ts";
import { observe } from "./observe.ts";
import { checkName, readAnswer } from "./read-answer.ts";
import { type HandOver, planReplicas, REPLICAS_MANAGER } from "./replicas.ts";
import { storedWorkload } from "./schemas.ts";

/** Who owns what Belay applies. */
export const FIELD_MANAGER = "belay";
/** Applied to an absent object this creates it; on one that is there it never matches, so it is create-only. */
const CREATE_ONLY = "1";

/** Something to apply, and on whose behalf. */
interface Applied {
  manager: string;
  force: boolean;
  object: KubernetesObject;
}

/** Server-side apply into one namespace; a workload's replicas change hands first where they must. */
export function createApply(call: KubeCall, namespace: string): Cluster["apply"] {
  const applyAs = ({ manager, force, object }: Applied, seen: ObservedObject | undefined, signal: AbortSignal) => {
    const precondition =
      seen === undefined ? { resourceVersion: CREATE_ONLY } : { uid: seen.uid, resourceVersion: seen.resourceVersion };
    const query = `fieldManager=${manager}&fieldValidation=Strict${force ? "&force=true" : ""}`;
    return call({
      method: "PATCH",
      path: `${objectPath(object, namespace)}?${query}`,
      contentType: "application/apply-patch+yaml",
      body: JSON.stringify({ ...object, metadata: { ...object.metadata, ...precondition } }),
      signal,
    });
  };
  const handOver = async (
    { object, force }: HandOver,
    seen: ObservedObject | undefined,
    signal: AbortSignal,
  ): Promise<ObservedObject | "conflict"> => {
    const what = `Handing over the replicas of ${describeObject(object)}`;
    const answer = await applyAs({ manager: REPLICAS_MANAGER, force, object }, seen, signal);
    // A number that the autoscaler set meanwhile is no foreign change: it is read again.
    if (answer.status === 409 || isStale(answer)) return "conflict";
    return observe(checkName(what, object.metadata.name, readAnswer(what, answer, storedWorkload)));
  };
  return async (object, seen, signal) => {
    const plan = planReplicas(object, seen);
    const ready = plan.handOver === undefined ? seen : await handOver(plan.handOver, seen, signal);
    if (ready === "conflict") return "conflict";
    const answer = await applyAs({ manager: FIELD_MANAGER, force: false, object: plan.object }, ready, signal);
    if (answer.status === 200 || answer.status === 201) return "applied";
    if (isStale(answer)) return "conflict";
    throw classifyKubeAnswer(`Applying ${describeObject(object)}`, answer);
  };
}
