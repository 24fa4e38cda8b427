import { parse as parseYaml } from "yaml";
import type { ModelIdentity } from "../../domain/model.ts";
import { GET_ARTIFACT } from "./artifacts.ts";
import type { MlflowHttp } from "./mlflow-http.ts";
import { nameOf } from "./model-version.ts";
import { mlmodelFile } from "./schemas.ts";

/** Larger input examples are not used as test predictions. */
const MAX_EXAMPLE = 256 * 1024;
const MAX_MLMODEL = 1024 * 1024;
/** Nor are deeper ones: whoever logs a model could nest one so that it cannot be written down. */
const MAX_LEVELS = 64;

/** The request that a version was logged with; undefined where there is none that could be sent. */
export async function readInputExample(
  http: MlflowHttp,
  version: ModelIdentity,
  signal: AbortSignal,
): Promise<unknown | undefined> {
  const file = (path: string, max: number) => http.getFile(GET_ARTIFACT, { ...nameOf(version), path }, max, signal);
  const mlmodel = await file("MLmodel", MAX_MLMODEL);
  if (mlmodel === undefined) return undefined;
  const path = mlmodelFile.safeParse(parseYamlSafely(mlmodel)).data?.saved_input_example_info?.serving_input_path;
  if (path === undefined || path === null || !/^[\w./-]+$/.test(path) || path.includes("..")) return undefined;
  const example = await file(path, MAX_EXAMPLE);
  const parsed = example === undefined ? undefined : parseJsonSafely(example);
  return nestsWithin(parsed, MAX_LEVELS) ? parsed : undefined;
}

function nestsWithin(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  return levels > 0 && Object.values(value).every((member) => nestsWithin(member, levels - 1));
}

/** A broken file of the model is the same as none: there is nothing to try it with. Nothing of it is printed. */
function parseYamlSafely(content: Buffer): unknown {
  try {
    // Looking for keys that stand twice would take the parser a minute and a half for a file of many.
    return parseYaml(content.toString("utf8"), { maxAliasCount: 100, logLevel: "error", uniqueKeys: false });
  } catch {
    return undefined;
  }
}

function parseJsonSafely(content: Buffer): unknown | undefined {
  try {
    return JSON.parse(content.toString("utf8"));
  } catch {
    return undefined;
  }
}
