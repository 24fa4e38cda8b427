import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";
import { installRealMlflow } from "../mlflow/server.ts";

const run = promisify(execFile);
const SCRIPT = join(import.meta.dirname, "models.py");
const CACHE = resolve(import.meta.dirname, "../../../.cache");

const known = z.object({
  dataframe_split: z.object({
    columns: z.array(z.string()),
    data: z.array(z.array(z.union([z.number(), z.boolean()]))),
  }),
  predictions: z.array(z.number()),
});

/** Models that a real MLflow logged. */
export interface Models {
  /** Where MLflow's own programs are. */
  bin: string;
  folderOf(model: string): string;
  /** A thousand rows, and what the forest itself predicts for them. */
  forest: z.infer<typeof known>;
}

/** Logs them the first time, and whenever the script or MLflow changed. */
export async function logModels(): Promise<Models> {
  const bin = await installRealMlflow();
  const hash = createHash("sha256")
    .update(await readFile(SCRIPT))
    .update(bin);
  const folder = join(CACHE, `serving-models-${hash.digest("hex").slice(0, 16)}`);
  if (!(await stat(folder).catch(() => undefined))) {
    const unfinished = `${folder}-unfinished`;
    await rm(unfinished, { recursive: true, force: true });
    await mkdir(unfinished, { recursive: true });
    await run(join(bin, "python"), [SCRIPT, unfinished], { timeout: 240_000 });
    await rename(unfinished, folder);
  }
  return {
    bin,
    folderOf: (model) => join(folder, model),
    forest: known.parse(JSON.parse(await readFile(join(folder, "forest.json"), "utf8"))),
  };
}
