import * as z from "zod";
import { ForeignChangeError, PermanentError, TransientError } from "../../domain/errors.ts";
import type { KubeAnswer } from "./kube-http.ts";

const status = z.object({
  kind: z.literal("Status"),
  message: z.string().default(""),
  reason: z.string().default(""),
  details: z
    .object({
      kind: z.string().optional(),
      causes: z
        .array(
          z.object({ reason: z.string().optional(), message: z.string().optional(), field: z.string().optional() }),
        )
        .optional(),
      retryAfterSeconds: z.number().optional(),
    })
    .optional(),
});

/** The API server's own error object, or undefined: the body is something else. */
export function readStatus(body: string): z.infer<typeof status> | undefined {
  try {
    return status.safeParse(JSON.parse(body)).data;
  } catch {
    return undefined;
  }
}

/**
 * The object is no longer the one that was seen: another resourceVersion, or another uid, which the server calls a
 * change of an immutable field. A field conflict is none of these.
 */
export function isStale({ status: code, body }: KubeAnswer): boolean {
  if (code !== 409 && code !== 422) return false;
  const causes = readStatus(body)?.details?.causes ?? [];
  if (code === 422) return causes.some(({ field }) => field === "metadata.uid");
  return !causes.some(({ reason }) => reason === "FieldManagerConflict");
}

/** What was asked for lies in a namespace that is not there. */
export function isNamespaceMissing({ status: code, body }: KubeAnswer): boolean {
  return code === 404 && readStatus(body)?.details?.kind === "namespaces";
}

/** The server's word on an unknown field, which it says as a 500 without a reason (kubernetes/kubernetes#122480). */
const UNKNOWN_FIELD = /field not declared in schema/;

/** Longest part of the API server's text that is repeated. */
const MAX_TEXT = 300;

/** What an answer other than 2xx means. */
export function classifyKubeAnswer(what: string, answer: KubeAnswer): Error {
  const { status: code, body } = answer;
  const said = readStatus(body);
  const text = (said?.message ?? "").slice(0, MAX_TEXT);
  const invalid = classifyInvalid(what, answer, text);
  if (invalid !== undefined) return invalid;
  if (code === 403)
    return new PermanentError(
      "access-denied",
      `${what}: the API server refused access. Give Belay's identity the role in infra/kubernetes/setup. ${text}`,
    );
  // A token may have just expired or a role may not have arrived everywhere yet.
  if (code === 401) return new TransientError("access-denied", `${what}: the API server does not know this identity.`);
  if (code === 409 && said?.details?.causes?.some(({ reason }) => reason === "FieldManagerConflict") === true)
    return new ForeignChangeError(`${what}: somebody else owns a field. ${text}`);
  if (code === 408 || code === 409 || code === 429 || code >= 500)
    return new TransientError("unreachable", `${what}: the API server answered ${code}. ${text}`, {
      retryAfterSeconds: said?.details?.retryAfterSeconds,
    });
  if (code >= 300 && code < 400)
    return new PermanentError("bad-answer", `${what}: the API server answered with a redirect.`);
  return new PermanentError("rollout-refused", `${what}: the API server refused it (${code}). ${text}`);
}

/** What only a person can put right, in the set-up or in the base manifests. */
function classifyInvalid(what: string, answer: KubeAnswer, text: string): PermanentError | undefined {
  const { status: code, body } = answer;
  if (isNamespaceMissing(answer))
    return new PermanentError("namespace-missing", `${what}: the namespace is not there. ${text}`);
  if (code === 500 && UNKNOWN_FIELD.test(text))
    return new PermanentError("release-invalid", `${what}: Kubernetes knows no such field. ${text}`);
  if (code === 404 && readStatus(body) === undefined)
    return new PermanentError("rollout-refused", `${what}: the cluster does not know this kind (404).`);
  return undefined;
}
