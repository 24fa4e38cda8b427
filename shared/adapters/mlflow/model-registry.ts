import { PermanentError } from "../../domain/errors.ts";
import { describeModel } from "../../domain/model.ts";
import type { ModelRegistry } from "../../ports/model-registry.ts";
import { GET_ARTIFACT, listArtifacts } from "./artifacts.ts";
import { readInputExample } from "./input-example.ts";
import { listModels } from "./list-models.ts";
import type { MlflowHttp } from "./mlflow-http.ts";
import { nameOf, toModelVersion } from "./model-version.ts";
import { resolvePointer } from "./resolve-pointer.ts";
import { loggedModelAnswer, modelVersionAnswer, runAnswer, type WireMetric } from "./schemas.ts";

/** Models of one page: with the limit of an answer this leaves 80 KiB for each, descriptions and tags included. */
const PAGE = 200;

/** The model registry of an MLflow tracking server, over its REST API; its list has so many models a page. */
export function createMlflowRegistry(http: MlflowHttp, modelsPerPage = PAGE): ModelRegistry {
  return {
    resolve: (name, pointer, signal) => resolvePointer(http, name, pointer, signal),
    listModels: (after, signal) => listModels(http, modelsPerPage, after, signal),
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

/** MLflow lists every point of a logged model's metrics, in no order; the newest is that of the highest step. */
function latest(metrics: readonly WireMetric[]): ReadonlyMap<string, number> {
  const byAge = metrics.toSorted((a, b) => a.step - b.step || a.timestamp - b.timestamp);
  return new Map(byAge.map(({ key, value }) => [key, value]));
}
