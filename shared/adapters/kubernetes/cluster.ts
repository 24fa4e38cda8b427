import type { z } from "zod";
import { isWorkload, LABELS } from "../../domain/release.ts";
import type { Cluster, OwnedObject } from "../../ports/cluster.ts";
import { createApply } from "./apply.ts";
import { classifyKubeAnswer } from "./classify.ts";
import { collectionPath, describeObject, objectPath, PRUNED_KINDS } from "./kinds.ts";
import type { KubeCall, KubeHttp } from "./kube-http.ts";
import { observe } from "./observe.ts";
import { checkLabel, checkName, readAnswer } from "./read-answer.ts";
import { createRequireNamespace } from "./require-namespace.ts";
import { anyObject, deployment, objectList, podList, resourceList, storedWorkload } from "./schemas.ts";
import { toPodStatus, toWorkloadStatus } from "./statuses.ts";

const CALL_MS = 15_000;
const MAX_BYTES = 16 * 1024 * 1024;
/** More pods or leftovers than this are not looked at in one visit. */
const PAGE = 250;

/** One namespace of one cluster, through its API server. */
export function createCluster(http: KubeHttp, namespace: string): Cluster {
  const call: KubeCall = (request) => http({ timeoutMs: CALL_MS, maxBytes: MAX_BYTES, ...request });
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
  const requireNamespace = createRequireNamespace(call, namespace);
  const discovered = new Map<string, readonly string[]>();
  const pods = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`;
  return {
    read: async (reference, signal) => {
      const what = describeObject(reference);
      const schema = isWorkload(reference) ? storedWorkload : anyObject;
      const found = await get(what, objectPath(reference, namespace), schema, signal);
      if (found !== undefined) return observe(checkName(what, reference.metadata.name, found));
      await requireNamespace(signal);
      return undefined;
    },
    apply: createApply(call, namespace),
    remove: async ({ reference, uid, resourceVersion }, signal) => {
      const answer = await call({
        method: "DELETE",
        path: objectPath(reference, namespace),
        contentType: "application/json",
        body: JSON.stringify({ propagationPolicy: "Background", preconditions: { uid, resourceVersion } }),
        signal,
      });
      if (answer.status >= 300 && answer.status !== 404 && answer.status !== 409)
        throw classifyKubeAnswer(`Removing ${describeObject(reference)}`, answer);
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
    kinds: async (apiVersion, signal) => {
      const known = discovered.get(apiVersion);
      if (known !== undefined) return known;
      const list = await get(`Discovering ${apiVersion}`, `/apis/${apiVersion}`, resourceList, signal);
      const kinds = [...new Set(list?.resources.map(({ kind }) => kind))];
      discovered.set(apiVersion, kinds);
      return kinds;
    },
    workload: async (name, signal) => {
      const reference = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name } };
      const what = describeObject(reference);
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
