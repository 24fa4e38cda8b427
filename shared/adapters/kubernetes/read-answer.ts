import type { z } from "zod";
import { PermanentError } from "../../domain/errors.ts";
import { classifyKubeAnswer } from "./classify.ts";
import type { KubeAnswer } from "./kube-http.ts";

/** @throws PermanentError when the answer cannot be read; for another status than 200 what that means. */
export function readAnswer<T>(what: string, answer: KubeAnswer, schema: z.ZodType<T>): T {
  if (answer.status !== 200) throw classifyKubeAnswer(what, answer);
  let body: unknown;
  try {
    body = JSON.parse(answer.body);
  } catch {
    throw new PermanentError("bad-answer", `${what}: the API server's answer is not JSON.`);
  }
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const place = placeOf(parsed.error);
  throw new PermanentError("bad-answer", `${what}: the API server's answer is not understood at ${place}.`);
}

/** A label's or annotation's name is the other side's word, of any length: only what looks like a field is repeated. */
function placeOf({ issues: [issue] }: z.ZodError): string {
  const members = (issue?.path ?? []).map(String);
  return members.map((member) => (/^[\w-]{1,30}$/.test(member) ? member : "…")).join(".");
}

/** What an answer says of an object, as far as it tells whether it is the one that was asked for. */
interface Answered {
  metadata: { name: string; labels: Readonly<Record<string, string>> };
}

/** @throws PermanentError when an answer is about an object of another name: what stands between may mix them up. */
export function checkName<T extends Answered>(what: string, name: string, found: T): T {
  if (found.metadata.name === name) return found;
  throw new PermanentError("bad-answer", `${what}: the API server's answer is about another object.`);
}

/** @throws PermanentError when a list holds what it was not asked for: who has another value of the label, or none. */
export function checkLabel<T extends Answered>(
  what: string,
  label: string,
  value: string,
  items: readonly T[],
): readonly T[] {
  if (items.every(({ metadata }) => metadata.labels[label] === value)) return items;
  throw new PermanentError("bad-answer", `${what}: the API server's list holds more than was asked for.`);
}
