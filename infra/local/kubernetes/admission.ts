import { type JsonObject, objectAt } from "./json.ts";
import type { Resource } from "./resources.ts";
import { groupVersion } from "./resources.ts";
import { conform } from "./schema.ts";
import { badRequest, invalidOption, StatusError } from "./status-error.ts";

/** What `fieldValidation` asks to happen to unknown fields: refuse, drop with a warning, drop. */
export type FieldValidation = "Strict" | "Warn" | "Ignore";

/** Reads `fieldValidation`; the server's default is Warn. */
export function fieldValidationOf(query: URLSearchParams): FieldValidation {
  const asked = query.get("fieldValidation") ?? "Warn";
  if (asked === "Strict" || asked === "Warn" || asked === "Ignore") return asked;
  if (asked === "") return "Warn";
  throw invalidOption(
    "fieldValidation",
    `Unsupported value: "${asked}": supported values: "", "Ignore", "Strict", "Warn"`,
  );
}

/** An object as its schema knows it, and what to warn of. */
export interface Admitted {
  object: JsonObject;
  warnings: string[];
}

/** Checks the body of a create or replace; throws 400 in the words of the real decoder. */
export function admitBody(resource: Resource, body: JsonObject, validation: FieldValidation): Admitted {
  requireKind(resource, body);
  const { value, unknown, mistyped } = conform(body, resource.model);
  const refused = `${resource.kind} in version "${resource.version}" cannot be handled as a ${resource.kind}:`;
  if (mistyped.length > 0) throw badRequest(`${refused} ${mistyped[0]}`);
  const fields = unknown.map((path) => `unknown field "${path}"`);
  if (fields.length > 0 && validation === "Strict")
    throw badRequest(`${refused} strict decoding error: ${fields.join(", ")}`);
  return { object: value, warnings: validation === "Ignore" ? [] : fields };
}

function requireKind(resource: Resource, body: JsonObject): void {
  const { kind = resource.kind, apiVersion = groupVersion(resource) } = body;
  if (kind !== resource.kind || apiVersion !== groupVersion(resource))
    throw badRequest(
      `${body["kind"]} in version "${body["apiVersion"]}" cannot be handled as a ${resource.kind}: the API version in the data (${body["apiVersion"]}) does not match the expected API version (${groupVersion(resource)})`,
    );
}

/** Checks what a JSON, merge or strategic patch made; throws 422, as the real server does for patches. */
export function admitPatched(resource: Resource, patched: JsonObject, validation: FieldValidation): Admitted {
  const { value, unknown, mistyped } = conform(patched, resource.model);
  const fields = unknown.map((path) => `unknown field "${path}"`);
  const strict = fields.length > 0 && validation === "Strict" ? [`strict decoding error: ${fields.join(", ")}`] : [];
  const [problem] = [...mistyped, ...strict];
  if (problem !== undefined) {
    const message = `Invalid value: ${JSON.stringify(patched)}: ${problem}`;
    const causes = [{ reason: "FieldValueInvalid", message, field: "patch" }];
    throw new StatusError(422, "Invalid", ` "" is invalid: patch: ${message}`, { causes });
  }
  return { object: value, warnings: validation === "Ignore" ? [] : fields };
}

/** Checks the body of a server-side apply, always strictly. */
export function admitApplied(resource: Resource, body: JsonObject, name: string): JsonObject {
  if (body["apiVersion"] === undefined || body["kind"] === undefined) throw badRequest("invalid object type: /, Kind=");
  requireKind(resource, body);
  const metadata = objectAt(body, "metadata");
  if (metadata["managedFields"] !== undefined) throw badRequest("metadata.managedFields must be nil");
  if (metadata["name"] !== undefined && metadata["name"] !== name)
    throw badRequest(`the name of the object (${metadata["name"]}) does not match the name on the URL (${name})`);
  const { value, unknown, mistyped } = conform(body, resource.model);
  const problem = mistyped[0] ?? unknown.map((path) => `.${path}: field not declared in schema`)[0];
  // 500 without a reason is what the real server says here (kubernetes/kubernetes#122480).
  if (problem !== undefined)
    throw new StatusError(
      500,
      "",
      `failed to create typed patch object (${where(metadata, name, resource)}): ${problem}`,
    );
  return value;
}

const where = (metadata: JsonObject, name: string, resource: Resource): string =>
  `${metadata["namespace"] ?? ""}/${name}; ${resource.group}/${resource.version}, Kind=${resource.kind}`;
