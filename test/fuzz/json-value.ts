import type { Random } from "./random.ts";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Ways to change a value in one place. */
export const VALUE_KINDS = [
  "left out",
  "another type",
  "a huge number",
  "other text",
  "long text",
  "one more member",
  "a key of the prototype",
  "another key",
  "wrapped",
  "null",
  "repeated",
  "swapped",
] as const;
export type ValueKind = (typeof VALUE_KINDS)[number];

/** Where in a value a change is made: the keys and indices that lead there. */
type Path = readonly (string | number)[];

/** A value like this one, changed in one place; the given value stays as it is. `other` is text to put in. */
export function changeValue(random: Random, kind: ValueKind, value: Json, other: () => string): Json {
  const paths = pathsOf(value);
  const path = random.pick(paths);
  switch (kind) {
    case "left out":
      return leaveOut(value, path);
    case "another key":
      return renameKey(value, path, random.chance(0.5) ? other() : `${String(path.at(-1))}s`);
    case "swapped":
      return at(
        at(value, path, () => valueAt(value, random.pick(paths))),
        [],
        (whole) => whole,
      );
    default:
      return at(value, path, (found) => changeOne(random, kind, found, other));
  }
}

function changeOne(
  random: Random,
  kind: Exclude<ValueKind, "left out" | "another key" | "swapped">,
  found: Json,
  other: () => string,
): Json {
  switch (kind) {
    case "another type":
      return random.pick(OTHER_TYPES.filter((one) => typeof one !== typeof found || one === null));
    case "a huge number":
      return random.pick([2 ** 53, -(2 ** 53), 1e308, -1e308, 2 ** 31, 2 ** 32, -1, 0.5, 1e-300, 8.64e15 + 1, 0]);
    case "other text":
      return other();
    case "long text":
      return random.pick(["x", "é", "\u0000", "\n", "🚀"]).repeat(random.pick([300, 3_000, 40_000]));
    case "one more member":
      return oneMore(random, found, other());
    case "a key of the prototype":
      return JSON.parse(`{${JSON.stringify(random.pick(PROTOTYPE_KEYS))}:${JSON.stringify(found)}}`);
    case "wrapped":
      return random.chance(0.5) ? [found] : { value: found };
    case "null":
      return null;
    case "repeated":
      return Array.isArray(found) ? [...found, ...found] : [found, found];
    default:
      return kind satisfies never;
  }
}

const OTHER_TYPES: readonly Json[] = [null, true, false, 0, 1, -1, 1.5, "", "0", "true", "null", [], {}, [[]], [null]];
const PROTOTYPE_KEYS = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "then", "length"];

function oneMore(random: Random, found: Json, text: string): Json {
  if (Array.isArray(found)) return [...found, random.pick(OTHER_TYPES)];
  if (isObject(found)) return { ...found, [text]: random.pick(OTHER_TYPES) };
  return [found, text];
}

/** The whole, every member and every element, those further in included. */
function pathsOf(value: Json, before: Path = []): Path[] {
  const further = Object.entries(isObject(value) ? value : {}).concat(
    Array.isArray(value) ? value.map((one, index): [string, Json] => [String(index), one]) : [],
  );
  const keyed = Array.isArray(value) ? further.map(([key, one]) => [Number(key), one] as const) : further;
  return [before, ...keyed.flatMap(([key, one]) => pathsOf(one, [...before, key]))];
}

function valueAt(value: Json, path: Path): Json {
  return path.reduce<Json>((found, key) => memberOf(found, key), value);
}

function memberOf(value: Json, key: string | number): Json {
  if (Array.isArray(value)) return value[Number(key)] ?? null;
  return isObject(value) ? (value[String(key)] ?? null) : null;
}

function at(value: Json, [key, ...rest]: Path, change: (found: Json) => Json): Json {
  if (key === undefined) return change(value);
  if (Array.isArray(value)) return value.map((one, index) => (index === key ? at(one, rest, change) : one));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [name, name === key ? at(one, rest, change) : one]),
  );
}

function leaveOut(value: Json, path: Path): Json {
  const last = path.at(-1);
  if (last === undefined) return null;
  return at(value, path.slice(0, -1), (found) => {
    if (Array.isArray(found)) return found.filter((_, index) => index !== last);
    return isObject(found) ? Object.fromEntries(Object.entries(found).filter(([key]) => key !== last)) : found;
  });
}

function renameKey(value: Json, path: Path, name: string): Json {
  const last = path.at(-1);
  if (last === undefined) return { [name]: value };
  return at(value, path.slice(0, -1), (found) =>
    isObject(found)
      ? Object.fromEntries(Object.entries(found).map(([key, one]) => [key === last ? name : key, one]))
      : found,
  );
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
