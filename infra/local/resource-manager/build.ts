/** What a run asks of the builder. */
export interface BuildRequest {
  runId: string;
  /** Path of the uploaded context, a gzipped tar; it is gone when the build has settled. */
  contextTarGz: string;
  /** Path of the Dockerfile within the context. */
  dockerfile: string;
  /** `repository:tag` each, with the run's id filled in. */
  imageNames: readonly string[];
  arguments: Readonly<Record<string, string>>;
  /** `os/architecture[/variant]` in lower case. */
  platform: string;
  noCache: boolean;
  isPushEnabled: boolean;
  timeoutSeconds: number;
  log(line: string): void;
  /** Aborted when the run is cancelled, out of time, or the stand-in closes: the build has to settle soon after. */
  signal: AbortSignal;
}

/** One pushed image; the digest is `sha256:` and hexadecimal. */
export interface BuiltImage {
  registry: string;
  repository: string;
  tag: string;
  digest: string;
}

export interface BuildResult {
  images: readonly BuiltImage[];
}

/** Builds and pushes; what it throws fails the run, a `BuildServiceError` ends it as Error. */
export type Build = (request: BuildRequest) => Promise<BuildResult>;

/** The build could not be tried: the service is at fault, not what was to be built. */
export class BuildServiceError extends Error {
  override readonly name = "BuildServiceError";
}
