import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Document, isNode, LineCounter, parseAllDocuments } from "yaml";
import * as z from "zod";
import { InvalidManifestError } from "../domain/manifest.ts";
import type { KubernetesObject } from "../domain/release.ts";
import { unknownFields } from "./unknown-fields.ts";

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

/** How `kubectl apply -k` knows a kustomization. */
const KUSTOMIZATIONS = ["kustomization.yaml", "kustomization.yml", "Kustomization"];
/** Files of base manifests; more is most likely the wrong folder. */
const MAX_FILES = 50;

/**
 * The Kubernetes objects in a folder's YAML files, in the order of the files' names; subfolders are left aside.
 * @throws InvalidManifestError with file, line and what is wrong; for a kustomization, how to build it.
 */
export async function readManifests(folder: string): Promise<readonly KubernetesObject[]> {
  const names = await readdir(folder).catch(() => {
    throw new InvalidManifestError(`rollout.manifests: the folder ${folder} cannot be read.`);
  });
  if (names.some((name) => KUSTOMIZATIONS.includes(name)))
    throw new InvalidManifestError(
      `rollout.manifests: ${folder} is a kustomization, which Belay does not build. Build it into a folder of its own, with kubectl kustomize ${folder} -o that-folder/manifests.yaml, and name that one.`,
    );
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
    if (parsed.success) return [checkFields(parsed.data, document, (at, what) => refused(at ?? start, what))];
    const [issue] = parsed.error.issues;
    const path = issue === undefined || issue.path.length === 0 ? "the document" : issue.path.join(".");
    throw refused(start, `${path}: ${issue?.message}`);
  });
}

/** A field that Kubernetes does not know is a slip of the pen; the server would say so only after the build. */
function checkFields(
  object: KubernetesObject,
  document: Document,
  refused: (at: number | undefined, what: string) => InvalidManifestError,
): KubernetesObject {
  const [unknown] = unknownFields(object);
  if (unknown === undefined) return object;
  const { path, meant } = unknown;
  const node = document.getIn(path, true);
  const remedy = meant === undefined ? "Remove it." : `Write ${meant}.`;
  const where = `${object.kind} ${object.metadata.name}: ${path.join(".")}`;
  throw refused(isNode(node) ? node.range?.[0] : undefined, `${where} is no field that Kubernetes knows. ${remedy}`);
}

/** Aliases of aliases would make a small file endless; the parser stops at a hundred. */
function toPlain(document: Document, refused: (what: string) => InvalidManifestError): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw refused(error instanceof Error ? error.message : "it cannot be read");
  }
}
