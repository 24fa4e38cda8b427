import { canonicalJson, sha256 } from "./digest.ts";

/** Which model version is meant. The creation time tells a version from one of a model that was deleted and made anew. */
export interface ModelIdentity {
  name: string;
  /** MLflow versions are decimal strings. */
  version: string;
  /** Epoch milliseconds, as the registry says. */
  createdAt: number;
}

/** A model version as the registry describes it. */
export interface ModelVersion extends ModelIdentity {
  /** MLflow writes READY at creation; other registries also PENDING_REGISTRATION and FAILED_REGISTRATION. */
  status: string;
  runId?: string;
  /** The logged model of MLflow 3, taken from the version's source. */
  modelId?: string;
}

/** Equal for the same version and for nothing else. */
export function identityKey(model: ModelIdentity): string {
  return sha256(canonicalJson([model.name, model.version, model.createdAt]));
}

export function sameModel(a: ModelIdentity, b: ModelIdentity): boolean {
  return identityKey(a) === identityKey(b);
}

/** "churn-classifier version 7", for sentences. */
export function describeModel(model: Pick<ModelIdentity, "name" | "version">): string {
  return `${model.name} version ${model.version}`;
}
