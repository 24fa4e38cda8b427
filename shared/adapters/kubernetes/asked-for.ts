import { PermanentError } from "../../domain/errors.ts";

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
export function checkLabel<T extends Answered>(what: string, label: string, value: string, items: readonly T[]) {
  if (items.every(({ metadata }) => metadata.labels[label] === value)) return items;
  throw new PermanentError("bad-answer", `${what}: the API server's list holds more than was asked for.`);
}
