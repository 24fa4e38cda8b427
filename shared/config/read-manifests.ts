import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { LineCounter, parseAllDocuments } from "yaml";
import { z } from "zod";
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
  return parseAllDocuments(text, { lineCounter: lines }).flatMap((document) => {
    const [error] = document.errors;
    if (error !== undefined)
      throw new InvalidManifestError(`${file}:${lines.linePos(error.pos[0]).line}: ${error.message.split("\n")[0]}`);
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    if (value === null) return [];
    const parsed = kubernetesObject.safeParse(value);
    if (parsed.success) return [parsed.data];
    const [issue] = parsed.error.issues;
    const line = lines.linePos(document.range?.[0] ?? 0).line;
    throw new InvalidManifestError(`${file}:${line}: ${issue?.path.join(".")}: ${issue?.message}`);
  });
}
