/** Anything JSON can say. */
export type Json = null | boolean | number | string | Json[] | JsonObject;

/** A JSON object; a field that is undefined counts as absent. */
export interface JsonObject {
  [field: string]: Json | undefined;
}

/** True for a JSON object, not for null or an array. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The object at this field, or an empty one. */
export function objectAt(holder: JsonObject, field: string): JsonObject {
  const value = holder[field];
  return isObject(value) ? value : {};
}

/** Equal by value; the order of fields does not matter, that of list items does. */
export function equal(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, i) => equal(item, b[i]));
  return isObject(a) && isObject(b) && equalFields(a, b);
}

function equalFields(a: JsonObject, b: JsonObject): boolean {
  const fields = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...fields].every((field) => equal(a[field], b[field]));
}

/** The same text for equal values: fields sorted, absent ones left out. */
export function canonical(value: Json | undefined): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    isObject(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner,
  );
}
