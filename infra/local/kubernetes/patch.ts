import { equal, isObject, type Json, type JsonObject } from "./json.ts";
import { childSchema, type Schema } from "./schema.ts";
import { badRequest, StatusError } from "./status-error.ts";

/** RFC 7386. */
export function mergePatch(target: Json | undefined, patch: Json | undefined): Json | undefined {
  if (!isObject(patch)) return patch;
  const out: JsonObject = isObject(target) ? { ...target } : {};
  for (const [field, value] of Object.entries(patch)) {
    if (value === null) delete out[field];
    else out[field] = mergePatch(out[field], value);
  }
  return out;
}

/** Kubernetes' own merge: lists with a key are merged item by item, `$patch`, `$retainKeys` and deletion lists are obeyed. */
export function strategicMergePatch(
  target: Json | undefined,
  patch: Json | undefined,
  schema: Schema,
): Json | undefined {
  if (Array.isArray(patch)) return mergeList(Array.isArray(target) ? target : [], patch, schema);
  if (!isObject(patch)) return patch;
  if (patch["$patch"] === "delete") return undefined;
  const out: JsonObject = patch["$patch"] === "replace" || !isObject(target) ? {} : retained(target, patch);
  for (const [field, value] of Object.entries(withOrders(patch))) mergeField(out, field, value, schema, patch);
  return out;
}

const ORDER = "$setElementOrder/";

/** A list of which only the order is asked for is a list that nothing is merged into. */
function withOrders(patch: JsonObject): JsonObject {
  const ordered = Object.keys(patch).flatMap((field) => (field.startsWith(ORDER) ? [field.slice(ORDER.length)] : []));
  return { ...Object.fromEntries(ordered.map((field) => [field, []])), ...patch };
}

function retained(target: JsonObject, patch: JsonObject): JsonObject {
  const keep = patch["$retainKeys"];
  if (!Array.isArray(keep)) return { ...target };
  return Object.fromEntries(Object.entries(target).filter(([field]) => keep.includes(field)));
}

const DELETE_FROM_LIST = "$deleteFromPrimitiveList/";

function mergeField(out: JsonObject, field: string, value: Json | undefined, schema: Schema, patch: JsonObject): void {
  if (field.startsWith(DELETE_FROM_LIST)) {
    const name = field.slice(DELETE_FROM_LIST.length);
    const list = out[name];
    if (Array.isArray(list) && Array.isArray(value)) out[name] = list.filter((item) => !value.includes(item));
    return;
  }
  if (field.startsWith("$")) return;
  const list = childSchema(schema, field);
  const merged = value === null ? undefined : strategicMergePatch(out[field], value, list);
  if (merged === undefined) delete out[field];
  else out[field] = inOrder(merged, out[field], patch[ORDER + field] ?? value, list);
}

function mergeList(target: readonly Json[], patch: readonly Json[], schema: Schema): Json[] {
  if (schema.kind !== "list") return [...patch];
  if (schema.set) return [...target, ...patch.filter((item) => !target.includes(item))];
  const [key] = schema.keys;
  if (key === undefined) return [...patch];
  if (patch.some((item) => isObject(item) && item["$patch"] === "replace"))
    return patch.filter((item) => !(isObject(item) && item["$patch"] === "replace"));
  return patch.reduce<Json[]>((list, item) => mergeItem(list, item, key, schema.element), [...target]);
}

/**
 * Items that the patch names come in its order, the others in the order they had, and an item of the others before one
 * of the patch only where it stood before it: mergeSortedSlice in apimachinery's strategicpatch.
 */
function inOrder(merged: Json, before: Json | undefined, order: Json | undefined, schema: Schema): Json {
  const key = schema.kind === "list" ? schema.keys[0] : undefined;
  if (key === undefined || !Array.isArray(merged) || !Array.isArray(order) || !Array.isArray(before)) return merged;
  const idOf = (item: Json): Json | undefined => (isObject(item) ? item[key] : undefined);
  const place = (list: readonly Json[], item: Json): number => list.findIndex((one) => idOf(one) === idOf(item));
  const named = merged.filter((item) => place(order, item) >= 0).sort((a, b) => place(order, a) - place(order, b));
  const others = merged.filter((item) => place(order, item) < 0);
  const sorted: Json[] = [];
  for (const item of named) {
    const now = place(before, item);
    while (others[0] !== undefined && now >= 0 && place(before, others[0]) < now) sorted.push(...others.splice(0, 1));
    sorted.push(item);
  }
  return [...sorted, ...others];
}

function mergeItem(list: Json[], item: Json, key: string, element: Schema): Json[] {
  if (!isObject(item) || item[key] === undefined)
    throw new StatusError(500, "", `map: ${goMap(item)} does not contain declared merge key: ${key}`);
  const index = list.findIndex((other) => isObject(other) && other[key] === item[key]);
  const merged = strategicMergePatch(list[index], item, element);
  if (index < 0) return merged === undefined ? list : [...list, merged];
  return merged === undefined ? list.toSpliced(index, 1) : list.toSpliced(index, 1, merged);
}

const goMap = (item: Json): string =>
  `map[${Object.entries(isObject(item) ? item : {})
    .map(([field, value]) => `${field}:${value}`)
    .join(" ")}]`;

/** RFC 6902; a `test` that fails and a path that is missing are both 422, as on the real server. */
export function jsonPatch(target: Json, patch: Json | undefined): Json {
  if (!Array.isArray(patch)) throw badRequest("json: cannot unmarshal object into Go value of type jsonpatch.Patch");
  return patch.reduce<Json>(applyOperation, structuredClone(target));
}

function applyOperation(document: Json, operation: Json): Json {
  if (!isObject(operation)) throw refused();
  const path = pointer(operation["path"]);
  switch (operation["op"]) {
    case "test":
      if (!equal(read(document, path), operation["value"])) throw refused();
      return document;
    // The real server's library takes a `replace` of a field that is not there for an `add`.
    case "replace":
      if (Array.isArray(read(document, path.slice(0, -1)))) document = remove(document, path);
      return add(document, path, structuredClone(operation["value"] ?? null));
    case "add":
      return add(document, path, structuredClone(operation["value"] ?? null));
    case "remove":
      return remove(document, path);
    case "copy":
      return add(document, path, structuredClone(present(document, pointer(operation["from"]))));
    case "move": {
      const from = pointer(operation["from"]);
      const value = present(document, from);
      return add(remove(document, from), path, value);
    }
    default:
      throw refused();
  }
}

const refused = (): StatusError =>
  new StatusError(422, "Invalid", "the server rejected our request due to an error in our request", {});

function pointer(text: Json | undefined): string[] {
  if (typeof text !== "string" || (text !== "" && !text.startsWith("/"))) throw refused();
  return text
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function read(document: Json | undefined, path: readonly string[]): Json | undefined {
  return path.reduce<Json | undefined>((value, part) => {
    if (Array.isArray(value)) return value[Number(part)];
    return isObject(value) ? value[part] : undefined;
  }, document);
}

function present(document: Json, path: readonly string[]): Json {
  const value = read(document, path);
  if (value === undefined) throw refused();
  return value;
}

function add(document: Json, path: readonly string[], value: Json): Json {
  const last = path.at(-1);
  if (last === undefined) return value;
  const holder = present(document, path.slice(0, -1));
  if (isObject(holder)) holder[last] = value;
  else if (Array.isArray(holder)) holder.splice(last === "-" ? holder.length : indexIn(holder, last, 1), 0, value);
  else throw refused();
  return document;
}

function remove(document: Json, path: readonly string[]): Json {
  const last = path.at(-1);
  present(document, path);
  const holder = read(document, path.slice(0, -1));
  if (last === undefined) return {};
  if (Array.isArray(holder)) holder.splice(indexIn(holder, last, 0), 1);
  else if (isObject(holder)) delete holder[last];
  return document;
}

function indexIn(list: readonly Json[], text: string, beyond: number): number {
  const index = Number(text);
  if (!/^\d+$/.test(text) || index >= list.length + beyond) throw refused();
  return index;
}
