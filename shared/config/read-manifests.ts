import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Document, LineCounter, parseAllDocuments } from "yaml";
import * as z from "zod";
import { InvalidManifestError, type KubernetesObject } from "../domain/release.ts";

const kubernetesObject: z.ZodType<KubernetesObject> = z.looseObject({
  apiVersion: z.string().min(1),
  kind: z.string().min(1),
  metadata: z.looseObject({
    name: z.string().min(1).max(253),
    namespace: z.string().exactOptional(),
    labels: z.record(z.string(), z.string()).exactOptional(),
    annotations: z.record(z.string(), z.string()).exactOptional(),
  }),
});

/** Files of base manifests; more is most likely the wrong folder. */
const MAX_FILES = 50;

/**
 * The Kubernetes objects in a folder's YAML files, in the order of the files' names; subfolders are left aside.
 * @throws InvalidManifestError with file, line and what is wrong.
 */
export async function readManifests(folder: string): Promise<readonly KubernetesObject[]> {
  const names = await readdir(folder).catch(() => {
    throw new InvalidManifestError(`rollout.manifests: the folder ${folder} cannot be read.`);
  });
  const files = names.filter((name) => /\.ya?ml$/.test(name)).sort();
  if (files.length === 0 || files.length > MAX_FILES)
    throw new InvalidManifestError(
      `rollout.manifests: ${folder} holds ${files.length} YAML files; 1 to ${MAX_FILES} are expected.`,
    );
  const objects = await Promise.all(
    files.map(async (name) => parseManifests(name, await readFile(join(folder, name), "utf8"))),
  );
  return objects.flat();
}

/** Every document of one file. */
export function parseManifests(file: string, text: string): readonly KubernetesObject[] {
  const lines = new LineCounter();
  const refused = (offset: number, what: string) =>
    new InvalidManifestError(`${file}:${lines.linePos(offset).line}: ${what}`);
  return parseAllDocuments(text, { lineCounter: lines, prettyErrors: false }).flatMap((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw refused(error.pos[0], error.message);
    const start = document.contents?.range?.[0] ?? 0;
    const value = toPlain(document, (what) => refused(start, what));
    if (value === null) return [];
    const parsed = kubernetesObject.safeParse(value);
    if (parsed.success) return [parsed.data];
    const [issue] = parsed.error.issues;
    const path = issue === undefined || issue.path.length === 0 ? "the document" : issue.path.join(".");
    throw refused(start, `${path}: ${issue?.message}`);
  });
}

/** Aliases of aliases would make a small file endless; the parser stops at a hundred. */
function toPlain(document: Document, refused: (what: string) => InvalidManifestError): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw refused(error instanceof Error ? error.message : "it cannot be read");
  }
}
