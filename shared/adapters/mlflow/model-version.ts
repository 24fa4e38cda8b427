import { PermanentError } from "../../domain/errors.ts";
import type { ModelIdentity, ModelVersion } from "../../domain/model.ts";
import type { WireModelVersion } from "./schemas.ts";

/** What was asked for; without a version: any of the model's. */
type Asked = Pick<ModelIdentity, "name"> & { version?: string };

/**
 * A version as MLflow describes it, in our terms.
 * @throws PermanentError when it is not of the model, or not the version, that was asked for.
 */
export function toModelVersion(
  asked: Asked,
  { name, version, creation_timestamp, status, source, run_id }: WireModelVersion,
): ModelVersion {
  if (name !== asked.name || version !== (asked.version ?? version)) throw notAsked("model version");
  const modelId = /^models:\/(m-[0-9a-f]{32})$/.exec(source ?? "")?.[1];
  return {
    name,
    version,
    createdAt: creation_timestamp,
    status,
    ...(run_id === undefined ? {} : { runId: run_id }),
    ...(modelId === undefined ? {} : { modelId }),
  };
}

/** What stands between may mix up answers, and a proven release would be another model's. */
export function notAsked(what: string): PermanentError {
  return new PermanentError("bad-answer", `MLflow answered about another ${what} than it was asked for.`);
}

/** The parameters that name a version in MLflow's paths. */
export function nameOf({ name, version }: ModelIdentity): { name: string; version: string } {
  return { name, version };
}
