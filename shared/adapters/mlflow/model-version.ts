import type { ModelIdentity, ModelVersion } from "../../domain/model.ts";
import type { WireModelVersion } from "./schemas.ts";

/** A version as MLflow describes it, in our terms. */
export function toModelVersion({
  name,
  version,
  creation_timestamp,
  status,
  source,
  run_id,
}: WireModelVersion): ModelVersion {
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

/** The parameters that name a version in MLflow's paths. */
export function nameOf({ name, version }: ModelIdentity): { name: string; version: string } {
  return { name, version };
}
