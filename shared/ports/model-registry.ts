import type { Readable } from "node:stream";
import type { ModelIdentity, ModelVersion } from "../domain/model.ts";
import type { Pointer } from "../domain/promotion.ts";

export interface ModelArtifact {
  /** Relative path with forward slashes, no `..`. */
  path: string;
  bytes: number;
}

/** The registry that holds the models. Errors: TransientError, PermanentError; an absent thing is undefined. */
export interface ModelRegistry {
  /** The version a pointer names now. */
  resolve(model: string, pointer: Pointer, signal: AbortSignal): Promise<ModelVersion | undefined>;
  readVersion(model: string, version: string, signal: AbortSignal): Promise<ModelVersion | undefined>;
  /** The latest value per metric of the version's run, its logged model's own first. NaN and infinities are kept. */
  readMetrics(version: ModelVersion, signal: AbortSignal): Promise<ReadonlyMap<string, number>>;
  /** The request that the model was logged with, as its scoring server takes it. */
  readInputExample(version: ModelIdentity, signal: AbortSignal): Promise<unknown | undefined>;
  /** Every file of the model, bounded in number. */
  listArtifacts(version: ModelVersion, signal: AbortSignal): Promise<readonly ModelArtifact[]>;
  openArtifact(version: ModelVersion, path: string, signal: AbortSignal): Promise<Readable>;
  /** Where a build can fetch the file by itself, without credentials in the address. */
  artifactAddress(version: ModelVersion, path: string): Promise<string>;
  /** Resolves when the registry answers. */
  ping(signal: AbortSignal): Promise<void>;
}
