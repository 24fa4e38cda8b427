import * as z from "zod";
import { ForeignChangeError } from "../../domain/errors.ts";
import { record } from "../../domain/manifest.ts";
import { isAutoscaled, type KubernetesObject } from "../../domain/release.ts";
import type { Preview, Previewer } from "../../ports/previewer.ts";
import { FIELD_MANAGER } from "./apply.ts";
import { classifyKubeAnswer } from "./classify.ts";
import { objectPath } from "./kinds.ts";
import type { KubeAnswer, KubeHttp } from "./kube-http.ts";
import { readAnswer } from "./read-answer.ts";

const CALL_MS = 15_000;
const MAX_BYTES = 4 * 1024 * 1024;

const wholeObject = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({
    name: z.string(),
    namespace: z.string().optional(),
    labels: z.record(z.string(), z.string()).optional(),
    annotations: z.record(z.string(), z.string()).optional(),
  }),
});

/** Reads objects as they are, and asks for applies that are not carried out. */
export function createPreviewer(http: KubeHttp, namespace: string): Previewer {
  const ask = (request: Pick<Parameters<KubeHttp>[0], "method" | "path" | "signal"> & { body?: string }) =>
    http({ timeoutMs: CALL_MS, maxBytes: MAX_BYTES, contentType: "application/apply-patch+yaml", ...request });
  return {
    preview: async (object, signal) => {
      const what = `Looking at ${object.kind} ${object.metadata.name}`;
      const path = objectPath(object, namespace);
      const found = await ask({ method: "GET", path, signal });
      const live = found.status === 404 ? undefined : read(what, found);
      const query = `${path}?dryRun=All&fieldManager=${FIELD_MANAGER}&fieldValidation=Strict`;
      const body = JSON.stringify(withLiveReplicas(object, live));
      const apply = (more: string) => ask({ method: "PATCH", path: `${query}${more}`, body, signal });
      const tried = await apply("");
      const conflict = conflictOf(what, tried);
      // What would be is only to be seen where nobody's fields are heeded; nothing is written.
      const next = conflict === undefined ? tried : await apply("&force=true");
      return { live, next: read(what, next), conflict } satisfies Preview;
    },
  };
}

/** Where an autoscaler has the say, an apply leaves the number as it is. */
function withLiveReplicas(object: KubernetesObject, live: KubernetesObject | undefined): KubernetesObject {
  if (live === undefined || !isAutoscaled(object)) return object;
  return { ...object, spec: { ...record(object["spec"]), replicas: record(live["spec"])["replicas"] } };
}

function read(what: string, answer: KubeAnswer): KubernetesObject {
  // Created or changed is the same for what is only tried; Zod says undefined where the type says absent.
  return readAnswer(what, answer.status === 201 ? { ...answer, status: 200 } : answer, wholeObject) as KubernetesObject;
}

function conflictOf(what: string, answer: KubeAnswer): string | undefined {
  if (answer.status < 300) return undefined;
  const error = classifyKubeAnswer(what, answer);
  if (error instanceof ForeignChangeError) return error.message;
  throw error;
}
