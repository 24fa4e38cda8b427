import * as z from "zod";
import { ForeignChangeError, PermanentError, TransientError } from "../../domain/errors.ts";
import type { KubeAnswer } from "./kube-http.ts";

const status = z.object({
  kind: z.literal("Status"),
  message: z.string().default(""),
  reason: z.string().default(""),
  details: z
    .object({
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

/** Longest part of the API server's text that is repeated. */
const MAX_TEXT = 300;

/** What an answer other than 2xx means. */
export function classifyKubeAnswer(what: string, { status: code, body }: KubeAnswer): Error {
  const said = readStatus(body);
  const text = (said?.message ?? "").slice(0, MAX_TEXT);
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
