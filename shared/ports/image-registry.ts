/** The registry that holds the images. Errors: TransientError, PermanentError; an absent image is undefined. */
export interface ImageRegistry {
  /** `registry.azurecr.io`, as it stands in image references. */
  readonly loginServer: string;
  /** The digest a tag points to, `sha256:…`. */
  digestOf(repository: string, tag: string, signal: AbortSignal): Promise<string | undefined>;
  /** Protects an image from deletion and overwriting; locking twice is the same as once. False: it is not there. */
  lock(repository: string, digest: string, signal: AbortSignal): Promise<boolean>;
  /** Lets an image be deleted again; one that is not there is no error. */
  unlock(repository: string, digest: string, signal: AbortSignal): Promise<void>;
  /** Deletes an image with its tags, never a locked one; `absent` where it is not there. */
  remove(repository: string, digest: string, signal: AbortSignal): Promise<"removed" | "locked" | "absent">;
  exists(repository: string, digest: string, signal: AbortSignal): Promise<boolean>;
  ping(signal: AbortSignal): Promise<void>;
}
