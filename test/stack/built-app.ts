import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { buildApp } from "../../infra/local/build/build.ts";

const ROOT = resolve(import.meta.dirname, "../..");

/** The app as it would be deployed, built from the sources as they are now into a directory of its own. */
export async function buildAppAside(): Promise<{ directory: string; remove: () => void }> {
  const directory = mkdtempSync(join(tmpdir(), "built-app-"));
  await buildApp({ entry: join(ROOT, "functions/index.ts"), outdir: directory, root: ROOT });
  return { directory, remove: () => rmSync(directory, { recursive: true }) };
}
