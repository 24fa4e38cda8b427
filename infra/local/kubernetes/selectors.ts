import { isObject, type Json, type JsonObject } from "./json.ts";
import type { KubeObject, LabelSelector, SelectorRequirement } from "./objects.ts";
import type { Resource } from "./resources.ts";
import { badRequest } from "./status-error.ts";

type Labels = Readonly<Record<string, string>>;

/** True for the objects a request wants. */
export type Filter = (object: KubeObject) => boolean;

/** `labels` satisfy the selector; an empty selector matches everything, an absent one nothing. */
export function selects(selector: LabelSelector | undefined, labels: Labels = {}): boolean {
  if (selector === undefined) return false;
  return (
    hasLabels(selector.matchLabels ?? {}, labels) &&
    (selector.matchExpressions ?? []).every((requirement) => meets(requirement, labels))
  );
}

/** Every wanted pair is among the labels. */
export function hasLabels(wanted: Labels, labels: Labels = {}): boolean {
  return Object.entries(wanted).every(([key, value]) => labels[key] === value);
}

function meets({ key, operator, values = [] }: SelectorRequirement, labels: Labels): boolean {
  const value = labels[key];
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    default:
      return false;
  }
}

/** Reads the `labelSelector` of a query; throws 400 when it cannot be read. */
function parseLabelSelector(text: string): (labels: Labels | undefined) => boolean {
  // A comma between parentheses belongs to the values of `in` and `notin`.
  const parts = text.split(/,(?![^(]*\))/).map((part) => part.trim());
  const requirements = parts.filter((part) => part !== "").map(parseRequirement);
  return (labels = {}) => requirements.every((requirement) => meets(requirement, labels));
}

const NAME = "[A-Za-z0-9][-A-Za-z0-9_./]*";
const SET_BASED = new RegExp(`^(${NAME})\\s+(in|notin)\\s*\\(([^()]*)\\)$`);
const EQUALITY = new RegExp(`^(${NAME})\\s*(==|=|!=)\\s*([-A-Za-z0-9_.]*)$`);
const EXISTENCE = new RegExp(`^(!?)\\s*(${NAME})$`);

function parseRequirement(part: string): SelectorRequirement {
  const requirement = setBased(part) ?? equality(part) ?? existence(part);
  if (requirement === undefined) throw badRequest(`unable to parse requirement: found '${part}'`);
  return requirement;
}

function setBased(part: string): SelectorRequirement | undefined {
  const [, key, word, list] = SET_BASED.exec(part) ?? [];
  if (key === undefined || list === undefined) return undefined;
  return { key, operator: word === "in" ? "In" : "NotIn", values: list.split(",").map((value) => value.trim()) };
}

function equality(part: string): SelectorRequirement | undefined {
  const [, key, sign, value] = EQUALITY.exec(part) ?? [];
  if (key === undefined || value === undefined) return undefined;
  return { key, operator: sign === "!=" ? "NotIn" : "In", values: [value] };
}

function existence(part: string): SelectorRequirement | undefined {
  const [, not, key] = EXISTENCE.exec(part) ?? [];
  return key === undefined ? undefined : { key, operator: not === "!" ? "DoesNotExist" : "Exists" };
}

/** Reads the `fieldSelector` of a query; throws 400 for a field this kind cannot be selected by. */
function parseFieldSelector(text: string, resource: Resource): Filter {
  const tests = text
    .split(",")
    .filter((part) => part !== "")
    .map((part) => {
      const [, field, sign, value] = /^([^=!]+)(==|=|!=)(.*)$/.exec(part) ?? [];
      if (field === undefined) throw badRequest(`invalid field selector: "${part}"`);
      const known = ["metadata.name", "metadata.namespace", ...resource.selectableFields];
      if (!known.includes(field)) throw badRequest(unsupportedField(field, resource));
      return (object: KubeObject) => (fieldText(object, field) === value) === (sign !== "!=");
    });
  return (object) => tests.every((test) => test(object));
}

function unsupportedField(field: string, { selectableFields }: Resource): string {
  if (selectableFields.length > 0) return `field label not supported: ${field}`;
  return `"${field}" is not a known field selector: only "metadata.name", "metadata.namespace"`;
}

function fieldText(object: KubeObject, field: string): string {
  if (field === "source" && isObject(object["source"])) return String(object["source"]["component"] ?? "");
  const value = field.split(".").reduce<Json | undefined>(step, object);
  if (value === undefined && field === "spec.unschedulable") return "false";
  return value === undefined ? "" : String(value);
}

const step = (holder: Json | undefined, field: string): Json | undefined =>
  isObject(holder) ? holder[field] : undefined;

/** The text form of a selector, as `scale` reports it. */
export function formatSelector(selector: LabelSelector): string {
  const pairs = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  return [...pairs, ...(selector.matchExpressions ?? []).map(formatRequirement)].join(",");
}

function formatRequirement({ key, operator, values = [] }: SelectorRequirement): string {
  if (operator === "Exists") return key;
  if (operator === "DoesNotExist") return `!${key}`;
  return `${key} ${operator === "In" ? "in" : "notin"} (${values.join(",")})`;
}

/** The filter of a list, watch or deletecollection. */
export function filterOf(query: URLSearchParams, resource: Resource): Filter {
  const labels = parseLabelSelector(query.get("labelSelector") ?? "");
  const fields = parseFieldSelector(query.get("fieldSelector") ?? "", resource);
  return (object: KubeObject & JsonObject) => labels(object.metadata.labels) && fields(object);
}
