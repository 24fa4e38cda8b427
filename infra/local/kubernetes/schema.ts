import * as client from "@kubernetes/client-node";
import { isObject, type Json, type JsonObject } from "./json.ts";
import { CUSTOM_MODEL } from "./resources.ts";

/** What a field may hold, as the generated classes of `@kubernetes/client-node` describe it. */
export type Schema =
  | { kind: "any" }
  | { kind: "scalar"; type: string; format: string }
  | { kind: "list"; element: Schema; keys: readonly string[]; set: boolean }
  | { kind: "map"; element: Schema; atomic: boolean }
  | { kind: "struct"; model: string; atomic: boolean; field(name: string): Schema | undefined };

/** A value as far as its schema knows it, and what was wrong with it. */
export interface Conformed {
  value: JsonObject;
  /** Paths of fields the schema does not know; they are left out of the value. */
  unknown: string[];
  /** One sentence, in the words of Go's decoder, for each value of the wrong type. */
  mistyped: string[];
}

// x-kubernetes-list-map-keys of the published OpenAPI, by the type of the item; the first is the strategic merge key.
const LIST_KEYS: Readonly<Record<string, readonly string[]>> = {
  V1Container: ["name"],
  V1EphemeralContainer: ["name"],
  V1EnvVar: ["name"],
  V1Volume: ["name"],
  V1VolumeMount: ["mountPath"],
  V1VolumeDevice: ["devicePath"],
  V1ContainerPort: ["containerPort", "protocol"],
  V1ServicePort: ["port", "protocol"],
  V1HostAlias: ["ip"],
  V1PodIP: ["ip"],
  V1HostIP: ["ip"],
  V1NodeAddress: ["type"],
  V1OwnerReference: ["uid"],
  V1TopologySpreadConstraint: ["topologyKey", "whenUnsatisfiable"],
  V1PodResourceClaim: ["name"],
};
const KEYED_FIELDS: Readonly<Record<string, readonly string[]>> = {
  "V1PodSpec.imagePullSecrets": ["name"],
  "V1ServiceAccount.secrets": ["name"],
};
const SETS = new Set(["V1ObjectMeta.finalizers"]);
const ATOMIC_STRUCTS = new Set([
  "V1LabelSelector",
  "V1NodeSelector",
  "V1SecretKeySelector",
  "V1ConfigMapKeySelector",
  "V1ObjectFieldSelector",
  "V1ResourceFieldSelector",
  "V1LocalObjectReference",
  "V1TypedLocalObjectReference",
  "V1ObjectReference",
  "V1RoleRef",
]);
const ATOMIC_MAPS = new Set(["V1ServiceSpec.selector", "V1PodSpec.nodeSelector"]);
// Quantities are strings in the classes; the server takes numbers as well.
const QUANTITY_MAPS = new Set(["limits", "requests", "capacity", "allocatable", "overhead", "hard"]);
const QUANTITIES = new Set(["sizeLimit", "divisor", "averageValue", "V2MetricTarget.value"]);

interface Attribute {
  baseName: string;
  type: string;
  format: string;
}
interface Model {
  getAttributeTypeMap(): readonly Attribute[];
}

const models: Readonly<Record<string, unknown>> = { ...client };
const structs = new Map<string, Schema>();

function isModel(value: unknown): value is Model {
  return typeof value === "function" && "getAttributeTypeMap" in value;
}

/** The schema of a class of `@kubernetes/client-node`, such as `V1Deployment`; a name it does not have allows anything. */
export function schemaOf(model: string): Schema {
  const known = structs.get(model);
  if (known !== undefined) return known;
  const schema = structOf(model);
  structs.set(model, schema);
  return schema;
}

function structOf(model: string): Schema {
  if (model === CUSTOM_MODEL) return customSchema();
  const found = models[model];
  if (!isModel(found)) return { kind: "any" };
  const attributes = new Map(found.getAttributeTypeMap().map((attribute) => [attribute.baseName, attribute]));
  const fields = new Map<string, Schema>();
  const field = (name: string): Schema | undefined => {
    const attribute = attributes.get(name);
    if (attribute === undefined) return undefined;
    const schema = fields.get(name) ?? fromType(attribute, model);
    fields.set(name, schema);
    return schema;
  };
  return { kind: "struct", model, atomic: ATOMIC_STRUCTS.has(model), field };
}

/** Below the first level of a spec everything is owned whole; a definition's own schema is not asked. */
function customSchema(): Schema {
  const text: Schema = { kind: "scalar", type: "string", format: "" };
  const fields: Readonly<Record<string, Schema>> = {
    ...{ apiVersion: text, kind: text, metadata: schemaOf("V1ObjectMeta") },
    spec: { kind: "map", element: { kind: "any" }, atomic: false },
  };
  return { kind: "struct", model: CUSTOM_MODEL, atomic: false, field: (name) => fields[name] };
}

function fromType({ baseName, type, format }: Attribute, model: string): Schema {
  const place = `${model}.${baseName}`;
  const item = /^Array<(.*)>$/.exec(type)?.[1];
  if (item !== undefined) {
    const element = fromType({ baseName, type: item, format }, model);
    return { kind: "list", element, keys: keysOf(item, place), set: SETS.has(place) };
  }
  const entry = /^\{ \[key: string\]: (.*); \}$/.exec(type)?.[1];
  if (entry !== undefined) {
    const element = fromType({ baseName, type: QUANTITY_MAPS.has(baseName) ? "IntOrString" : entry, format }, model);
    return { kind: "map", element, atomic: ATOMIC_MAPS.has(place) };
  }
  if (QUANTITIES.has(baseName) || QUANTITIES.has(place)) return { kind: "scalar", type: "IntOrString", format: "" };
  return namedType(type, format);
}

function keysOf(item: string, place: string): readonly string[] {
  if (place.endsWith(".conditions")) return ["type"];
  return KEYED_FIELDS[place] ?? LIST_KEYS[item] ?? [];
}

function namedType(type: string, format: string): Schema {
  if (type === "Date" || type === "V1MicroTime") return { kind: "scalar", type: "Time", format };
  if (["string", "number", "boolean", "IntOrString"].includes(type)) return { kind: "scalar", type, format };
  return type === "any" ? { kind: "any" } : schemaOf(type);
}

/** The schema of a field of a struct or of an entry of a map; anything goes where nothing is known. */
export function childSchema(schema: Schema, field: string): Schema {
  if (schema.kind === "struct") return schema.field(field) ?? { kind: "any" };
  return schema.kind === "map" ? schema.element : { kind: "any" };
}

/** Drops nulls, empty lists and maps, and unknown fields, and says what does not fit the schema. */
export function conform(value: JsonObject, model: string): Conformed {
  const report: Conformed = { value: {}, unknown: [], mistyped: [] };
  const result = conformValue(value, schemaOf(model), { path: "", holder: model, report });
  report.value = isObject(result) ? result : {};
  return report;
}

interface Place {
  path: string;
  holder: string;
  report: Conformed;
}

function conformValue(value: Json, schema: Schema, place: Place): Json {
  switch (schema.kind) {
    case "any":
      return value;
    case "scalar":
      if (!fitsScalar(value, schema)) mistyped(value, schema.format || schema.type, place);
      return value;
    case "list":
      if (!Array.isArray(value)) return mistyped(value, "list", place);
      return value.map((item, i) => conformValue(item, schema.element, { ...place, path: `${place.path}[${i}]` }));
    case "map":
      if (!isObject(value)) return mistyped(value, "map", place);
      return eachField(value, place, () => schema.element);
    case "struct":
      if (!isObject(value)) return mistyped(value, schema.model, place);
      return eachField(value, { ...place, holder: schema.model }, (name) => schema.field(name));
    default:
      return schema satisfies never;
  }
}

function eachField(value: JsonObject, place: Place, schemaAt: (name: string) => Schema | undefined): JsonObject {
  const out: JsonObject = {};
  for (const [name, inner] of Object.entries(value)) {
    const path = place.path === "" ? name : `${place.path}.${name}`;
    const schema = schemaAt(name);
    if (schema === undefined) place.report.unknown.push(path);
    else if (inner !== undefined && !isOmitted(inner, schema))
      out[name] = conformValue(inner, schema, { ...place, path });
  }
  return out;
}

/** The server drops nulls and, almost everywhere, empty lists and maps; empty structs it keeps. */
function isOmitted(value: Json, { kind }: Schema): boolean {
  if (value === null) return true;
  if (kind === "list") return Array.isArray(value) && value.length === 0;
  return kind === "map" && isObject(value) && Object.keys(value).length === 0;
}

const BASE64 = /^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function fitsScalar(value: Json, { type, format }: { type: string; format: string }): boolean {
  switch (type) {
    case "number":
      return typeof value === "number" && (Number.isInteger(value) || !format.startsWith("int"));
    case "IntOrString":
      return typeof value === "string" || typeof value === "number";
    case "Time":
      return typeof value === "string" && !Number.isNaN(Date.parse(value));
    default:
      return typeof value === type && (format !== "byte" || BASE64.test(String(value)));
  }
}

function mistyped(value: Json, want: string, { path, holder, report }: Place): Json {
  const got = Array.isArray(value) ? "array" : isObject(value) ? "object" : typeof value;
  const struct = holder.replace(/^(Core)?V\d+((alpha|beta)\d+)?/, "");
  const field = `${struct}.${path.replaceAll(/\[\d+\]/g, "")}`;
  report.mistyped.push(`json: cannot unmarshal ${got} into Go struct field ${field} of type ${want}`);
  return value;
}
