import { equal, isObject, type Json, type JsonObject } from "./json.ts";
import {
  type FieldPath,
  type FieldSet,
  fieldsOf,
  fromFieldsV1,
  isEntryOf,
  itemStep,
  type ManagerId,
  managerEntry,
  reaches,
  removeAt,
  valueAt,
  without,
} from "./managed-fields.ts";
import type { KubeObject, ManagedFieldsEntry } from "./objects.ts";
import { childSchema, type Schema } from "./schema.ts";
import { StatusError } from "./status-error.ts";

/** One apply request: the whole intent of one manager. */
export interface Apply {
  config: JsonObject;
  id: ManagerId;
  force: boolean;
  schema: Schema;
  time: string;
}

/**
 * The object after the apply, with its new `managedFields`; nothing is stored.
 * Throws 409 when another manager owns a field that would change and `force` is not set.
 * Rules: https://kubernetes.io/docs/reference/using-api/server-side-apply/
 */
export function applyConfiguration(
  live: KubeObject | undefined,
  { config, id, force, schema, time }: Apply,
): JsonObject & { metadata: JsonObject } {
  const entries = live?.metadata.managedFields ?? [];
  const own = entries.find((entry) => isEntryOf(entry, id));
  const others = entries.filter((entry) => entry !== own);
  const mine = fieldsOf(config, schema);
  const conflicts = findConflicts(live, config, mine, others);
  if (conflicts.length > 0 && !force) throw conflictError(conflicts);
  const left = others.flatMap((entry) => without(entry, pathsOf(conflicts)) ?? []);
  const merged = merge(structuredClone(live), config, schema);
  const result = isObject(merged) ? merged : {};
  if (own !== undefined) dropAbandoned(result, fromFieldsV1(own.fieldsV1), ownedBy(mine, left));
  const metadata = isObject(result["metadata"]) ? result["metadata"] : {};
  const managedFields = mine.size === 0 ? left : [...left, managerEntry(id, mine, time)];
  return { ...result, metadata: { ...metadata, managedFields } };
}

interface Conflict {
  with: string;
  path: FieldPath;
}

const pathsOf = (conflicts: readonly Conflict[]): FieldSet =>
  new Map(conflicts.map(({ path }) => [path.join("\u0000"), path]));

function findConflicts(
  live: KubeObject | undefined,
  config: JsonObject,
  mine: FieldSet,
  others: readonly ManagedFieldsEntry[],
): Conflict[] {
  return others.flatMap((entry) => {
    const theirs = fromFieldsV1(entry.fieldsV1);
    return [...mine]
      .filter(([key, path]) => theirs.has(key) && !equal(valueAt(live, path), valueAt(config, path)))
      .map(([, path]) => ({ with: managerText(entry), path }));
  });
}

function managerText({ manager, operation, apiVersion, subresource }: ManagedFieldsEntry): string {
  const door = subresource === undefined ? "" : ` with subresource ${JSON.stringify(subresource)}`;
  return `${JSON.stringify(manager)}${door}${operation === "Update" ? ` using ${apiVersion}` : ""}`;
}

function conflictError(conflicts: readonly Conflict[]): StatusError {
  const causes = conflicts.map((conflict) => ({
    reason: "FieldManagerConflict",
    message: `conflict with ${conflict.with}`,
    field: describe(conflict.path),
  }));
  const [only, ...more] = causes;
  const text = more.length === 0 ? `1 conflict: ${only?.message}: ${only?.field}` : groupedText(conflicts);
  return new StatusError(409, "Conflict", `Apply failed with ${text}`, { causes });
}

function groupedText(conflicts: readonly Conflict[]): string {
  const groups = Map.groupBy(conflicts, (conflict) => conflict.with);
  const texts = [...groups.keys()].sort().map((manager) => {
    const paths = (groups.get(manager) ?? []).map(({ path }) => `- ${describe(path)}`);
    return `conflicts with ${manager}:\n${paths.join("\n")}`;
  });
  return `${conflicts.length} conflicts: ${texts.join("\n")}`;
}

function describe(path: FieldPath): string {
  return path
    .filter((step) => step !== ".")
    .map((step) => {
      if (step.startsWith("f:")) return `.${step.slice(2)}`;
      const key: unknown = step.startsWith("k:") ? JSON.parse(step.slice(2)) : undefined;
      if (!isObject(key)) return `[=${step.slice(2)}]`;
      const pairs = Object.entries(key).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
      return `[${pairs.join(",")}]`;
    })
    .join("");
}

function merge(live: Json | undefined, config: Json | undefined, schema: Schema): Json | undefined {
  if (Array.isArray(config)) return mergeList(live, config, schema);
  const atomic = schema.kind === "any" || ("atomic" in schema && schema.atomic);
  if (!isObject(config) || !isObject(live) || atomic) return structuredClone(config);
  const out = { ...live };
  for (const [field, value] of Object.entries(config))
    out[field] = merge(live[field], value, childSchema(schema, field));
  return out;
}

function mergeList(live: Json | undefined, config: Json[], schema: Schema): Json[] {
  if (schema.kind !== "list" || !Array.isArray(live)) return structuredClone(config);
  if (schema.set) return [...live, ...config.filter((item) => !live.includes(item))];
  if (schema.keys.length === 0) return structuredClone(config);
  const list = [...live];
  for (const item of config) {
    const step = itemStep(item, schema.keys);
    const at = list.findIndex((other) => itemStep(other, schema.keys) === step);
    list.splice(at < 0 ? list.length : at, at < 0 ? 0 : 1, merge(list[at], item, schema.element) ?? item);
  }
  return list;
}

function ownedBy(mine: FieldSet, others: readonly ManagedFieldsEntry[]): FieldSet {
  return new Map([...mine, ...others.flatMap((entry) => [...fromFieldsV1(entry.fieldsV1)])]);
}

/**
 * Removes what this manager applied before, does not apply now, and nobody else owns;
 * with it goes every parent in which nobody owns anything, defaults included.
 */
function dropAbandoned(object: JsonObject, before: FieldSet, owned: FieldSet): void {
  for (const [key, path] of before) {
    if (owned.has(key)) continue;
    const depth = path.findIndex((_, i) => !reaches(owned, path.slice(0, i + 1)));
    const target = depth < 0 ? path : path.slice(0, depth + 1);
    if (target.at(-1) !== ".") removeAt(object, target);
  }
}
