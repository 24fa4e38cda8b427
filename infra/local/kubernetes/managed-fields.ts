import { equal, isObject, type Json, type JsonObject, objectAt } from "./json.ts";
import type { KubeObject, ManagedFieldsEntry } from "./objects.ts";
import { childSchema, type Schema } from "./schema.ts";

/** Steps to a field in the notation of FieldsV1: `f:spec`, `k:{"name":"a"}`, `v:"x"`, `.` for the item itself. */
export type FieldPath = readonly string[];

/** Owned fields by the text of their path. */
export type FieldSet = Map<string, FieldPath>;

const keyOf = (path: FieldPath): string => path.join("\u0000");
const collect = (paths: Iterable<FieldPath>): FieldSet => new Map([...paths].map((path) => [keyOf(path), path]));

/** Some path of the set is this one or lies below it. */
export function reaches(set: FieldSet, path: FieldPath): boolean {
  const prefix = `${keyOf(path)}\u0000`;
  return set.has(keyOf(path)) || [...set.keys()].some((key) => key.startsWith(prefix));
}

const NEVER_OWNED = new Set([
  "name",
  "generateName",
  "namespace",
  "uid",
  "resourceVersion",
  "generation",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
  "managedFields",
  "selfLink",
]);

/** Every field a manager can own in this object. */
export function fieldsOf(object: JsonObject, schema: Schema): FieldSet {
  const { apiVersion: _, kind: __, metadata, ...rest } = object;
  const entries = Object.entries(isObject(metadata) ? metadata : {}).filter(([field]) => !NEVER_OWNED.has(field));
  const ownable = entries.length === 0 ? rest : { ...rest, metadata: Object.fromEntries(entries) };
  return collect(leaves(ownable, schema, []).filter((path) => path.length > 0));
}

function leaves(value: Json | undefined, schema: Schema, path: FieldPath): FieldPath[] {
  if (Array.isArray(value) && schema.kind === "list") return listLeaves(value, schema, path);
  const atomic = schema.kind === "any" || ("atomic" in schema && schema.atomic);
  if (!isObject(value) || atomic || Object.keys(value).length === 0) return [path];
  return Object.entries(value).flatMap(([field, inner]) =>
    inner === undefined ? [] : leaves(inner, childSchema(schema, field), [...path, `f:${field}`]),
  );
}

function listLeaves(value: readonly Json[], schema: Schema & { kind: "list" }, path: FieldPath): FieldPath[] {
  if (schema.set) return value.map((item) => [...path, `v:${JSON.stringify(item)}`]);
  if (schema.keys.length === 0) return [path];
  return value.flatMap((item) => {
    const step = [...path, itemStep(item, schema.keys)];
    return [[...step, "."], ...leaves(item, schema.element, step)];
  });
}

/** How FieldsV1 names an item of a keyed list; a port without a protocol is TCP. */
export function itemStep(item: Json, keys: readonly string[]): string {
  const fields = isObject(item) ? item : {};
  return `k:${JSON.stringify(Object.fromEntries([...keys].sort().map((key) => [key, keyValue(fields, key)])))}`;
}

const keyValue = (item: JsonObject, key: string): Json => item[key] ?? (key === "protocol" ? "TCP" : null);

function isItem(item: Json, step: string): boolean {
  const wanted: unknown = JSON.parse(step.slice(2));
  return isObject(item) && isObject(wanted) && Object.keys(wanted).every((key) => keyValue(item, key) === wanted[key]);
}

/** The value at a path; for `.` and `v:` whether the item is there. */
export function valueAt(object: Json | undefined, path: FieldPath): Json | undefined {
  return path.reduce<Json | undefined>(stepInto, object);
}

function stepInto(value: Json | undefined, step: string): Json | undefined {
  if (step === ".") return value === undefined ? undefined : true;
  if (step.startsWith("f:")) return isObject(value) ? value[step.slice(2)] : undefined;
  if (!Array.isArray(value)) return undefined;
  if (step.startsWith("k:")) return value.find((item) => isItem(item, step));
  return value.some((item) => JSON.stringify(item) === step.slice(2)) ? true : undefined;
}

/** Takes what stands at the path out of the object, in place. */
export function removeAt(object: JsonObject, path: FieldPath): void {
  const last = path.at(-1);
  const holder = valueAt(object, path.slice(0, -1));
  if (last === undefined) return;
  if (isObject(holder) && last.startsWith("f:")) delete holder[last.slice(2)];
  if (!Array.isArray(holder)) return;
  const at = holder.findIndex((item) =>
    last.startsWith("k:") ? isItem(item, last) : JSON.stringify(item) === last.slice(2),
  );
  if (at >= 0) holder.splice(at, 1);
}

/** FieldsV1 to a set. */
export function fromFieldsV1(fields: JsonObject): FieldSet {
  return collect(fieldPaths(fields, []));
}

function fieldPaths(fields: JsonObject, path: FieldPath): FieldPath[] {
  const steps = Object.keys(fields);
  if (steps.length === 0) return path.length === 0 ? [] : [path];
  return steps.flatMap((step) => fieldPaths(objectAt(fields, step), [...path, step]));
}

/** A set as FieldsV1. */
function toFieldsV1(set: FieldSet): JsonObject {
  const out: JsonObject = {};
  for (const path of set.values()) {
    path.reduce<JsonObject>((node, step) => {
      const next = objectAt(node, step);
      node[step] = next;
      return next;
    }, out);
  }
  return out;
}

/** Whose fields, and through which door: managers of the same name are told apart by the rest. */
export type ManagerId = Pick<ManagedFieldsEntry, "manager" | "operation" | "apiVersion"> & { subresource?: string };

/** True for the entry of this manager. */
export function isEntryOf(entry: ManagedFieldsEntry, id: ManagerId): boolean {
  return (
    entry.manager === id.manager &&
    entry.operation === id.operation &&
    entry.apiVersion === id.apiVersion &&
    entry.subresource === id.subresource
  );
}

/** An entry for `metadata.managedFields`; the time has whole seconds. */
export function managerEntry(id: ManagerId, fields: FieldSet, time: string): ManagedFieldsEntry {
  return { ...id, time, fieldsType: "FieldsV1", fieldsV1: toFieldsV1(fields) };
}

/** Takes fields away from an entry; undefined when nothing is left of it. */
export function without(entry: ManagedFieldsEntry, fields: FieldSet): ManagedFieldsEntry | undefined {
  const mine = fromFieldsV1(entry.fieldsV1);
  const left = new Map([...mine].filter(([key]) => !fields.has(key)));
  if (left.size === mine.size) return entry;
  return left.size === 0 ? undefined : { ...entry, fieldsV1: toFieldsV1(left) };
}

/** `managedFields` after a create, update or patch: what changed belongs to this manager now, and to nobody else. */
export function trackUpdate(
  before: KubeObject | undefined,
  after: KubeObject,
  id: ManagerId,
  schema: Schema,
  time: string,
): ManagedFieldsEntry[] {
  const old = before === undefined ? new Map<string, FieldPath>() : fieldsOf(before, schema);
  const fresh = fieldsOf(after, schema);
  const changed = new Map([...fresh].filter(([, path]) => !equal(valueAt(before, path), valueAt(after, path))));
  const gone = [...old].filter(([key]) => !fresh.has(key));
  const entries = after.metadata.managedFields ?? [];
  const lost: FieldSet = new Map([...changed, ...gone]);
  if (lost.size === 0) return entries;
  const own = entries.find((entry) => isEntryOf(entry, id));
  const others = entries.filter((entry) => entry !== own).flatMap((entry) => without(entry, lost) ?? []);
  const kept = own === undefined ? new Map<string, FieldPath>() : fromFieldsV1(own.fieldsV1);
  const mine = new Map([...kept, ...changed].filter(([key]) => fresh.has(key)));
  return mine.size === 0 ? others : [...others, managerEntry(id, mine, time)];
}
