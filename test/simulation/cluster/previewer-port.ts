import { ForeignChangeError } from "../../../shared/domain/errors.ts";
import type { KubernetesObject } from "../../../shared/domain/release.ts";
import type { Previewer } from "../../../shared/ports/previewer.ts";
import { merged } from "./field-owners.ts";
import type { Store, StoredObject } from "./store.ts";

/** What an apply to one namespace would do; nothing is changed. */
export function createPreviewerPort({ store, play }: { store: Store; play(): void }, namespace: string): Previewer {
  return {
    preview: async (object) => {
      play();
      const given = { ...object, metadata: { ...object.metadata, namespace } };
      const stored = store.find(namespace, given);
      const live = stored?.live;
      return { live, ...(stored === undefined ? { next: given, conflict: undefined } : mergedOrNot(stored, given)) };
    },
  };
}

function mergedOrNot(stored: StoredObject, given: KubernetesObject) {
  try {
    return { next: merged(stored, given), conflict: undefined };
  } catch (error) {
    if (!(error instanceof ForeignChangeError)) throw error;
    return { next: given, conflict: error.message };
  }
}
