import { parse as parseYaml } from "yaml";
import { PermanentError } from "../../domain/errors.ts";
import { describeModel, type ModelIdentity, type ModelVersion } from "../../domain/model.ts";
import type { Pointer } from "../../domain/promotion.ts";
import type { ModelRegistry } from "../../ports/model-registry.ts";
import { listArtifacts } from "./artifacts.ts";
import type { MlflowHttp } from "./mlflow-http.ts";
import {
  loggedModelAnswer,
  mlmodelFile,
  modelVersionAnswer,
  runAnswer,
  searchAnswer,
  type WireMetric,
  type WireModelVersion,
} from "./schemas.ts";

/** Larger input examples are not used as test predictions. */
const MAX_EXAMPLE = 256 * 1024;
const MAX_MLMODEL = 1024 * 1024;
/** Versions looked through for a tag: the newest so many. */
const TAG_PAGE = 200;
const GET_ARTIFACT = "/model-versions/get-artifact";

/** The model registry of an MLflow tracking server, over its REST API. */
export function createMlflowRegistry(http: MlflowHttp): ModelRegistry {
  const byAlias = async (name: string, alias: string, signal: AbortSignal) => {
    const answer = await http.get(
      "/api/2.0/mlflow/registered-models/alias",
      { name, alias },
      modelVersionAnswer,
      signal,
    );
    return answer === undefined ? undefined : toModelVersion(answer.model_version);
  };
  return {
    resolve: (name, pointer, signal) => resolve(http, byAlias, name, pointer, signal),
    readVersion: async (name, version, signal) => {
      const answer = await http.get(
        "/api/2.0/mlflow/model-versions/get",
        { name, version },
        modelVersionAnswer,
        signal,
      );
      return answer === undefined ? undefined : toModelVersion(answer.model_version);
    },
    readMetrics: async ({ runId, modelId }, signal) => {
      const run =
        runId === undefined
          ? undefined
          : await http.get("/api/2.0/mlflow/runs/get", { run_id: runId }, runAnswer, signal);
      const path = `/api/2.0/mlflow/logged-models/${encodeURIComponent(modelId ?? "")}`;
      const model = modelId === undefined ? undefined : await http.get(path, {}, loggedModelAnswer, signal);
      // The model's own metrics come last: they win over the run's.
      return new Map([...latest(run?.run.data.metrics ?? []), ...latest(model?.model.data.metrics ?? [])]);
    },
    readInputExample: (version, signal) => readInputExample(http, version, signal),
    listArtifacts: (version, signal) => listArtifacts(http, version, signal),
    openArtifact: async (version, path, signal) => {
      const opened = await http.openFile(GET_ARTIFACT, { ...nameOf(version), path }, signal);
      if (opened !== undefined) return opened;
      throw new PermanentError("build-broken", `${describeModel(version)} has no artifact ${path}.`);
    },
    artifactAddress: async (version, path) => {
      if (http.authenticated)
        throw new PermanentError(
          "build-too-large",
          "The model is above 256 MiB, so the build fetches it by itself; that needs an MLflow whose artifacts can be read without credentials.",
        );
      return http.address(GET_ARTIFACT, { ...nameOf(version), path }).href;
    },
    ping: async (signal) => {
      await http.getFile("/health", {}, 1_024, signal);
    },
  };
}

async function resolve(
  http: MlflowHttp,
  byAlias: (name: string, alias: string, signal: AbortSignal) => Promise<ModelVersion | undefined>,
  name: string,
  pointer: Pointer,
  signal: AbortSignal,
): Promise<ModelVersion | undefined> {
  switch (pointer.kind) {
    case "alias":
      return byAlias(name, pointer.alias, signal);
    case "newest":
      // A reserved alias that MLflow resolves to the newest version.
      return byAlias(name, "latest", signal);
    case "tag": {
      const query = { filter: `name=${quoted(name)}`, order_by: "version_number DESC", max_results: String(TAG_PAGE) };
      const answer = await http.get("/api/2.0/mlflow/model-versions/search", query, searchAnswer, signal);
      const found = answer?.model_versions.find(({ tags }) =>
        tags.some(({ key, value }) => key === pointer.key && value === pointer.value),
      );
      return found === undefined ? undefined : toModelVersion(found);
    }
    default:
      return pointer satisfies never;
  }
}

/** MLflow's filters know no escapes: a name is put between quotes it does not hold. */
function quoted(name: string): string {
  const quote = ["'", '"'].find((one) => !name.includes(one));
  if (quote === undefined)
    throw new PermanentError(
      "configuration-wrong",
      "A model whose name holds both kinds of quotes cannot be followed by tag; use an alias.",
    );
  return `${quote}${name}${quote}`;
}

async function readInputExample(
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
  return example === undefined ? undefined : parseJsonSafely(example);
}

/** A broken file of the model is the same as none: there is nothing to try it with. */
function parseYamlSafely(content: Buffer): unknown {
  try {
    return parseYaml(content.toString("utf8"), { maxAliasCount: 100 });
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

/** MLflow lists every point of a logged model's metrics, in no order; the newest is that of the highest step. */
function latest(metrics: readonly WireMetric[]): ReadonlyMap<string, number> {
  const byAge = metrics.toSorted((a, b) => a.step - b.step || a.timestamp - b.timestamp);
  return new Map(byAge.map(({ key, value }) => [key, value]));
}

function nameOf({ name, version }: ModelIdentity): { name: string; version: string } {
  return { name, version };
}

function toModelVersion({ name, version, creation_timestamp, status, source, run_id }: WireModelVersion): ModelVersion {
  const modelId = /^models:\/(m-[0-9a-f]{32})$/.exec(source ?? "")?.[1];
  return {
    name,
    version,
    createdAt: creation_timestamp,
    status,
    ...(run_id === undefined ? {} : { runId: run_id }),
    ...(modelId === undefined ? {} : { modelId }),
  };
}
