import type { Readable } from "node:stream";
import type { ModelIdentity, ModelVersion } from "../domain/model.ts";
import type { Pointer } from "../domain/promotion.ts";

export interface ModelArtifact {
  /** Relative path with forward slashes, no `..`. */
  path: string;
  bytes: number;
}

/** A registered model and where its pointers stand, as the registry lists it. */
export interface ListedModel {
  name: string;
  /** Epoch milliseconds; a model that was deleted and made anew is younger. */
  createdAt: number;
  /** Version by alias. */
  aliases: Readonly<Record<string, string>>;
  /** The newest version of each stage, where stages are still used; without one the stage is `None`. */
  latest: readonly { version: string; stage: string; createdAt: number }[];
}

/** One page of the list of models. */
export interface ModelPage {
  models: readonly ListedModel[];
  /** Asks for the next page; undefined: this was the last. */
  next?: string;
}

/** The registry that holds the models. Errors: TransientError, PermanentError; an absent thing is undefined. */
export interface ModelRegistry {
  /** The version a pointer names now. */
  resolve(model: string, pointer: Pointer, signal: AbortSignal): Promise<ModelVersion | undefined>;
  /** Every model with its pointers, a page at a time, in an order that stays; `after` is the former page's `next`. */
  listModels(after: string | undefined, signal: AbortSignal): Promise<ModelPage>;
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
