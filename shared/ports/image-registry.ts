/** The registry that holds the images. Errors: TransientError, PermanentError; an absent image is undefined. */
export interface ImageRegistry {
  /** `registry.azurecr.io`, as it stands in image references. */
  readonly loginServer: string;
  /** The digest a tag points to, `sha256:…`. */
  digestOf(repository: string, tag: string, signal: AbortSignal): Promise<string | undefined>;
  /** Protects an image from deletion and overwriting; locking twice is the same as once. False: it is not there. */
  lock(repository: string, digest: string, signal: AbortSignal): Promise<boolean>;
  exists(repository: string, digest: string, signal: AbortSignal): Promise<boolean>;
  ping(signal: AbortSignal): Promise<void>;
}
