/** What a JSON answer is made of; properties that are undefined are left out, as MLflow leaves out unset fields. */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json | undefined;
}

/** One line with Python's default separators and every non-ASCII character as `\uXXXX`. */
export function pythonJson(value: Json): string {
  if (Array.isArray(value)) return `[${value.map((item: Json) => pythonJson(item)).join(", ")}]`;
  if (isObject(value)) return `{${members(value).join(", ")}}`;
  return asciiOnly(JSON.stringify(value));
}

/** Two spaces of indentation and ASCII only, as MLflow prints its answers. */
export function prettyJson(value: Json): string {
  return asciiOnly(JSON.stringify(value, null, 2));
}

/** Undefined for an empty list, which MLflow leaves out of an answer. */
export function listOrNothing(list: readonly Json[]): readonly Json[] | undefined {
  return list.length === 0 ? undefined : list;
}

function isObject(value: Json): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function members(object: JsonObject): string[] {
  return Object.entries(object).flatMap(([key, value]) =>
    value === undefined ? [] : [`${asciiOnly(JSON.stringify(key))}: ${pythonJson(value)}`],
  );
}

function asciiOnly(text: string): string {
  return text.replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
