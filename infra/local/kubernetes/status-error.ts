import type { JsonObject } from "./json.ts";
import { qualifiedName, type Resource } from "./resources.ts";

/** One reason why a field is refused, as it stands in `status.details.causes`. */
export interface Cause extends JsonObject {
  reason: string;
  message: string;
  field: string;
}

/** An answer of the API server other than success; becomes a `Status` object with this HTTP code. */
export class StatusError extends Error {
  override readonly name = "StatusError";
  readonly code: number;
  readonly reason: string;
  readonly details: JsonObject | undefined;

  constructor(code: number, reason: string, message: string, details?: JsonObject) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.details = details;
  }
}

/** The `Status` object for an error; anything that is no StatusError is an InternalError 500. */
export function toStatus(error: unknown): JsonObject & { code: number } {
  const known = error instanceof StatusError ? error : new StatusError(500, "InternalError", String(error));
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: known.message,
    ...(known.reason === "" ? {} : { reason: known.reason }),
    ...(known.details === undefined ? {} : { details: known.details }),
    code: known.code,
  };
}

const about = (resource: Resource, name: string): JsonObject => ({
  name,
  ...(resource.group === "" ? {} : { group: resource.group }),
  kind: resource.plural,
});

/** 400: the request itself makes no sense. */
export function badRequest(message: string): StatusError {
  return new StatusError(400, "BadRequest", message);
}

/** 403: allowed to nobody, whatever the account. */
export function forbidden(resource: Resource, name: string, why: string): StatusError {
  const message = `${qualifiedName(resource)} "${name}" is forbidden: ${why}`;
  return new StatusError(403, "Forbidden", message, about(resource, name));
}

/** 404 with the words of the real server. */
export function notFound(resource: Resource, name: string): StatusError {
  return new StatusError(404, "NotFound", `${qualifiedName(resource)} "${name}" not found`, about(resource, name));
}

/** 409 AlreadyExists. */
export function alreadyExists(resource: Resource, name: string): StatusError {
  const message = `${qualifiedName(resource)} "${name}" already exists`;
  return new StatusError(409, "AlreadyExists", message, about(resource, name));
}

/** 409 Conflict; the default reason is the lost optimistic lock. */
export function conflict(resource: Resource, name: string, why = MODIFIED): StatusError {
  const message = `Operation cannot be fulfilled on ${qualifiedName(resource)} "${name}": ${why}`;
  return new StatusError(409, "Conflict", message, about(resource, name));
}

const MODIFIED = "the object has been modified; please apply your changes to the latest version and try again";

/** 422 Invalid, with every cause named. */
export function invalid(resource: Resource, name: string, causes: readonly Cause[]): StatusError {
  const texts = causes.map((cause) => `${cause.field}: ${cause.message}`);
  const kind = resource.group === "" ? resource.kind : `${resource.kind}.${resource.group}`;
  const list = texts.length === 1 ? texts.join() : `[${texts.join(", ")}]`;
  return new StatusError(422, "Invalid", `${kind} "${name}" is invalid: ${list}`, {
    name,
    ...(resource.group === "" ? {} : { group: resource.group }),
    kind: resource.kind,
    causes: [...causes],
  });
}

/** 422: a query parameter the server does not take. */
export function invalidOption(field: string, problem: string): StatusError {
  return new StatusError(422, "Invalid", `Options.meta.k8s.io "" is invalid: ${field}: ${problem}`, {
    group: "meta.k8s.io",
    kind: "Options",
    causes: [{ reason: "FieldValueInvalid", message: problem, field }],
  });
}

/** 410: the history asked for is no longer kept. */
export function expired(asked: number, oldest: number): StatusError {
  return new StatusError(410, "Expired", `too old resource version: ${asked} (${oldest})`);
}

/** 501: the real server can do this, the stand-in cannot. */
export function notImplemented(what: string): StatusError {
  return new StatusError(501, "NotImplemented", `the local control plane does not implement ${what}`);
}

/** 503 of the proxies. */
export function unavailable(message: string): StatusError {
  return new StatusError(503, "ServiceUnavailable", message);
}
