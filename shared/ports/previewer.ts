import type { KubernetesObject } from "../domain/release.ts";

/** What an object is, and what applying the given one would make of it. */
export interface Preview {
  /** Undefined: it is not there. */
  live: KubernetesObject | undefined;
  next: KubernetesObject;
  /** Who owns fields that differ, in the API server's words; undefined: nobody else. */
  conflict: string | undefined;
}

/** Asks the API server what an apply would do; nothing is changed. Errors: TransientError, PermanentError. */
export interface Previewer {
  preview(object: KubernetesObject, signal: AbortSignal): Promise<Preview>;
}
