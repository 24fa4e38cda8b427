import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { PermanentError } from "../../domain/errors.ts";
import type { SourceTemplate } from "../../ports/source-template.ts";

/** Where the model's own artifacts go; an example that lies there is not part of the template. */
const MODEL_FOLDER = `model${sep}`;
/** Serving files beside the model; more is most likely the wrong folder. */
const MAX_FILES = 200;
const MAX_BYTES = 16 * 1024 * 1024;

/** Reads the folder a policy's `build.template` names; it must hold a Dockerfile. */
export async function readSourceTemplate(folder: string): Promise<SourceTemplate> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => {
    throw new PermanentError("configuration-wrong", `build.template: the folder ${folder} cannot be read.`);
  });
  const paths = names
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .filter((path) => !path.startsWith(MODEL_FOLDER));
  if (!paths.includes("Dockerfile"))
    throw new PermanentError("configuration-wrong", `build.template: the folder ${folder} holds no Dockerfile.`);
  if (paths.length > MAX_FILES)
    throw new PermanentError(
      "configuration-wrong",
      `build.template: the folder ${folder} holds more than ${MAX_FILES} files.`,
    );
  const files = await Promise.all(
    paths
      .sort()
      .map(async (path) => ({ path: path.split(sep).join("/"), content: await readFile(join(folder, path)) })),
  );
  const bytes = files.reduce((sum, { content }) => sum + content.byteLength, 0);
  if (bytes > MAX_BYTES)
    throw new PermanentError(
      "configuration-wrong",
      `build.template: the files in ${folder} are more than ${MAX_BYTES} bytes.`,
    );
  const hash = createHash("sha256");
  for (const { path, content } of files) hash.update(`${path}\0${content.byteLength}\0`).update(content);
  return { hash: hash.digest("hex"), files };
}
