/** One change of a source's text. */
export interface Patch {
  /** Relative to the root, with forward slashes: `shared/domain/owed.ts`. */
  file: string;
  /** Exact text, which is there exactly once; with `all`, at least once. */
  find: string;
  replace: string;
  all?: boolean;
}

/** The sources with some of their text changed; without patches, the sources as they are. */
export interface Build {
  /** Lower-case letters, digits and dashes; one name stands for one list of patches. */
  name: string;
  patches: readonly Patch[];
}

/** The sources as they are. */
export const PRESENT: Build = { name: "present", patches: [] };

/**
 * The source of one file in a build, its patches applied in order.
 * @throws Error when a patch does not match as often as it must, or changes nothing; names build, file and text.
 */
export function applyPatches({ name, patches }: Build, file: string, source: string): string {
  return patches.filter((patch) => patch.file === file).reduce((text, patch) => applyPatch(name, text, patch), source);
}

function applyPatch(build: string, source: string, { file, find, replace, all = false }: Patch): string {
  const parts = source.split(find);
  const count = find === "" ? 0 : parts.length - 1;
  if (count === 0 || (count > 1 && !all))
    throw new Error(`Build ${build}: ${file} holds this text ${count} times, not once:\n${find}`);
  if (find === replace) throw new Error(`Build ${build}: a patch of ${file} changes nothing:\n${find}`);
  return parts.join(replace);
}
