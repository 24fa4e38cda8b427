import type { z } from "zod";
import { readPodTemplate } from "../../domain/pod-template.ts";
import { ANNOTATIONS, isWorkload, type KubernetesObject, LABELS } from "../../domain/release.ts";
import type { ContainerStatus, PodStatus, WorkloadStatus } from "../../domain/rollout-status.ts";
import { parseToken } from "../../domain/token.ts";
import type { Cluster, ObservedObject, OwnedObject } from "../../ports/cluster.ts";
import { classifyKubeAnswer, isStale } from "./classify.ts";
import { collectionPath, objectPath, PRUNED_KINDS } from "./kinds.ts";
import type { KubeHttp, KubeRequest } from "./kube-http.ts";
import { checkLabel, checkName, readAnswer } from "./read-answer.ts";
import { type HandOver, observeReplicas, planReplicas, REPLICAS_MANAGER } from "./replicas.ts";
import {
  anyObject,
  deployment,
  objectList,
  type Pod,
  podList,
  type StoredWorkload,
  storedWorkload,
} from "./schemas.ts";

const CALL_MS = 15_000;
const MAX_BYTES = 16 * 1024 * 1024;
/** Who owns what Belay applies. */
export const FIELD_MANAGER = "belay";
/** Applied to an absent object this creates it; on one that is there it never matches, so it is create-only. */
const CREATE_ONLY = "1";
/** More pods or leftovers than this are not looked at in one visit. */
const PAGE = 250;

/** Something to apply, and on whose behalf. */
interface Applied {
  manager: string;
  force: boolean;
  object: KubernetesObject;
}

/** One namespace of one cluster, through its API server. */
export function createCluster(http: KubeHttp, namespace: string): Cluster {
  const call = (request: Pick<KubeRequest, "method" | "path" | "signal"> & Partial<KubeRequest>) =>
    http({ timeoutMs: CALL_MS, maxBytes: MAX_BYTES, ...request });
  const get = async <T>(
    what: string,
    path: string,
    schema: z.ZodType<T>,
    signal: AbortSignal,
  ): Promise<T | undefined> => {
    const answer = await call({ method: "GET", path, signal });
    if (answer.status === 404) return undefined;
    return readAnswer(what, answer, schema);
  };
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
    const what = `Handing over the replicas of ${describe(object)}`;
    const answer = await applyAs({ manager: REPLICAS_MANAGER, force, object }, seen, signal);
    // A number that the autoscaler set meanwhile is no foreign change: it is read again.
    if (answer.status === 409 || isStale(answer)) return "conflict";
    return observe(checkName(what, object.metadata.name, readAnswer(what, answer, storedWorkload)));
  };
  const pods = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`;
  return {
    read: async (reference, signal) => {
      const what = describe(reference);
      const schema = isWorkload(reference) ? storedWorkload : anyObject;
      const found = await get(what, objectPath(reference, namespace), schema, signal);
      return found === undefined ? undefined : observe(checkName(what, reference.metadata.name, found));
    },
    apply: async (object, seen, signal) => {
      const plan = planReplicas(object, seen);
      const ready = plan.handOver === undefined ? seen : await handOver(plan.handOver, seen, signal);
      if (ready === "conflict") return "conflict";
      const answer = await applyAs({ manager: FIELD_MANAGER, force: false, object: plan.object }, ready, signal);
      if (answer.status === 200 || answer.status === 201) return "applied";
      if (isStale(answer)) return "conflict";
      throw classifyKubeAnswer(`Applying ${describe(object)}`, answer);
    },
    remove: async ({ reference, uid, resourceVersion }, signal) => {
      const answer = await call({
        method: "DELETE",
        path: objectPath(reference, namespace),
        contentType: "application/json",
        body: JSON.stringify({ propagationPolicy: "Background", preconditions: { uid, resourceVersion } }),
        signal,
      });
      if (answer.status >= 300 && answer.status !== 404 && answer.status !== 409)
        throw classifyKubeAnswer(`Removing ${describe(reference)}`, answer);
    },
    listOwned: async (target, signal) => {
      const selector = `labelSelector=${encodeURIComponent(`${LABELS.target}=${target}`)}&limit=${PAGE}`;
      const lists = await Promise.all(
        PRUNED_KINDS.map(async ({ apiVersion, kind }) => {
          const path = `${collectionPath(apiVersion, kind, namespace)}?${selector}`;
          const what = `Listing ${kind}`;
          const list = await get(what, path, objectList, signal);
          return checkLabel(what, LABELS.target, target, list?.items ?? []).map(
            ({ metadata }): OwnedObject => ({
              ...observe({ metadata }),
              reference: { apiVersion, kind, metadata: { name: metadata.name, namespace } },
            }),
          );
        }),
      );
      return lists.flat();
    },
    workload: async (name, signal) => {
      const reference = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name } };
      const what = describe(reference);
      const found = await get(what, objectPath(reference, namespace), deployment, signal);
      return found === undefined ? undefined : toWorkloadStatus(checkName(what, name, found));
    },
    pods: async (template, signal) => {
      const selector = encodeURIComponent(`${LABELS.template}=${template}`);
      const what = "Listing pods";
      const list = await get(what, `${pods}?labelSelector=${selector}&limit=${PAGE}`, podList, signal);
      return checkLabel(what, LABELS.template, template, list?.items ?? []).map(toPodStatus);
    },
    lastLines: async (pod, container, lines, signal) => {
      const read = async (previous: boolean) => {
        const query = `container=${encodeURIComponent(container)}&tailLines=${lines}&previous=${previous}`;
        return call({
          method: "GET",
          path: `${pods}/${encodeURIComponent(pod)}/log?${query}`,
          maxBytes: 1024 * 1024,
          signal,
        });
      };
      // A container that restarted says why in its previous instance; one that never ran has none.
      const previous = await read(true);
      const answer = previous.status === 200 && previous.body.trim() !== "" ? previous : await read(false);
      if (answer.status !== 200) throw classifyKubeAnswer(`The log of ${pod}`, answer);
      return answer.body
        .split("\n")
        .filter((line) => line !== "")
        .slice(-lines);
    },
    ping: async (signal) => {
      const answer = await call({ method: "GET", path: "/version", signal });
      if (answer.status !== 200) throw classifyKubeAnswer("The API server's version", answer);
    },
  };
}

function describe({ kind, metadata }: { kind: string; metadata: { name: string } }): string {
  return `${kind} ${metadata.name}`;
}

function observe(found: z.infer<typeof anyObject> | StoredWorkload): ObservedObject {
  const { uid, resourceVersion, annotations, labels } = found.metadata;
  const replicas = "spec" in found ? { replicas: observeReplicas(found) } : {};
  return { uid, resourceVersion, labels, token: parseToken(annotations[ANNOTATIONS.token] ?? ""), ...replicas };
}

function toWorkloadStatus({ metadata, spec, status }: z.infer<typeof deployment>): WorkloadStatus {
  const progressing = status.conditions.find(({ type }) => type === "Progressing");
  return {
    name: metadata.name,
    generation: metadata.generation,
    observedGeneration: status.observedGeneration,
    specReplicas: spec.replicas,
    replicas: status.replicas,
    updatedReplicas: status.updatedReplicas,
    availableReplicas: status.availableReplicas,
    template: readPodTemplate(spec),
    ...(progressing === undefined ? {} : { progressing: { reason: progressing.reason, message: progressing.message } }),
  };
}

function toPodStatus({ metadata, status }: Pod): PodStatus {
  return {
    name: metadata.name,
    ready: status.conditions.some((condition) => condition.type === "Ready" && condition.status === "True"),
    terminating: metadata.deletionTimestamp !== undefined,
    containers: [...status.initContainerStatuses, ...status.containerStatuses].map(toContainerStatus),
  };
}

function toContainerStatus({
  name,
  restartCount,
  state,
  lastState,
}: Pod["status"]["containerStatuses"][number]): ContainerStatus {
  const terminated = state.terminated ?? lastState.terminated;
  return {
    name,
    restarts: restartCount,
    ...(state.waiting === undefined ? {} : { waiting: state.waiting }),
    ...(terminated === undefined ? {} : { terminated }),
  };
}
