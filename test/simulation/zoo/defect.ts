import type { Build, Patch } from "../builds/patches.ts";
import type { PromiseName } from "./promises.ts";

/** A build with one planted defect that a person could have written, and one sentence that says what it does wrong. */
export interface Defect extends Build {
  /** What it breaks. */
  stands: PromiseName;
  sentence: string;
}

/** A change of one place: what stands there, and what stands there instead. */
export function patch(file: string, find: string, replace: string): Patch {
  return { file, find, replace };
}

export function defect(name: string, stands: PromiseName, sentence: string, ...patches: readonly Patch[]): Defect {
  return { name, stands, sentence, patches };
}
