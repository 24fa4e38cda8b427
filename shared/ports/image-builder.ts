import type { Readable } from "node:stream";

/** A build as it was asked for: the same name and request are the same build. */
export interface BuildRequest {
  /** Name of the task run: 5 to 50 characters of a-z, 0-9 and dash. */
  name: string;
  /** What `uploadContext` returned. */
  sourcePath: string;
  /** `repository:tag` of each tag. */
  images: readonly string[];
  arguments: Readonly<Record<string, string>>;
  platform: string;
  timeoutSeconds: number;
}

export type BuildState =
  | { kind: "absent" }
  | { kind: "running"; logLink?: string }
  | { kind: "succeeded"; digest?: string; logLink?: string }
  /** `broken`: the model's files or Dockerfile; `service`: the builder itself, worth another attempt. */
  | { kind: "failed"; cause: "broken" | "service"; message: string; lastLines: readonly string[]; logLink?: string };

/** Builds images from an uploaded context. Errors: TransientError, PermanentError. */
export interface ImageBuilder {
  /** Streams a gzipped tar to the builder's source store and returns its path there. */
  uploadContext(contextTarGz: Readable, signal: AbortSignal): Promise<string>;
  /** Idempotent by name: asking twice with the same request is one build. Returns as soon as it is asked for. */
  start(request: BuildRequest, signal: AbortSignal): Promise<void>;
  look(name: string, signal: AbortSignal): Promise<BuildState>;
  /** Removes a build's record, not its image; one that is not there is no error. */
  remove(name: string, signal: AbortSignal): Promise<void>;
}
