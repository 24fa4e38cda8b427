/** The base manifests cannot be made into a release; the message names object and field. */
export class InvalidManifestError extends Error {
  override readonly name = "InvalidManifestError";
}

/** The container of the base manifests that serves the model. */
export const MODEL_CONTAINER = "model";

/** A member as an object; anything else counts as an empty one. */
export function record(value: unknown): Readonly<Record<string, unknown>> {
  return value !== null && typeof value === "object" && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

/** A member as a list; anything else counts as an empty one. */
export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
