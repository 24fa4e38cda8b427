import { readdir, rm, rmdir } from "node:fs/promises";
import { join, posix } from "node:path";

/** Whether a path of the context, with `/` and relative to its root, is excluded. */
export type IsExcluded = (path: string) => boolean;

const TRANSLATIONS: Readonly<Record<string, string>> = {
  "**/": "(?:.*/)?",
  "**": ".*",
  "*": "[^/]*",
  "?": "[^/]",
};

function toExpression(pattern: string): RegExp {
  const source = pattern.replace(/\*\*\/|\*\*|\*|\?|\\.|[^\w/]/g, (part) => {
    const translated = TRANSLATIONS[part];
    return translated ?? `\\${part.length === 2 ? part.slice(1) : part}`;
  });
  return new RegExp(`^${source}(?:/.*)?$`, "s");
}

/** Reads a `.dockerignore`: the last line that matches a path, or a directory above it, decides. */
export function parseIgnore(text: string): IsExcluded {
  const rules = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const pattern = posix.normalize(`/${line.replace(/^!\s*/, "")}`).replace(/^\/|\/$/g, "");
      return { excludes: !line.startsWith("!"), expression: toExpression(pattern) };
    });
  return (path) => rules.findLast(({ expression }) => expression.test(path))?.excludes ?? false;
}

/** Takes excluded files, and the excluded directories that are then empty, out of a context. */
export async function prune(root: string, isExcluded: IsExcluded, path = ""): Promise<void> {
  for (const entry of await readdir(join(root, path), { withFileTypes: true })) {
    const child = posix.join(path, entry.name);
    if (entry.isDirectory()) await prune(root, isExcluded, child);
    else if (isExcluded(child)) await rm(join(root, child));
  }
  const isEmpty = path !== "" && isExcluded(path) && (await readdir(join(root, path))).length === 0;
  if (isEmpty) await rmdir(join(root, path));
}
