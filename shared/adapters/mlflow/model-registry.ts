import { PermanentError } from "../../domain/errors.ts";
import { describeModel } from "../../domain/model.ts";
import type { ModelRegistry } from "../../ports/model-registry.ts";
import { GET_ARTIFACT, listArtifacts } from "./artifacts.ts";
import { readInputExample } from "./input-example.ts";
import { listModels } from "./list-models.ts";
import { readMetrics } from "./metrics.ts";
import type { MlflowHttp } from "./mlflow-http.ts";
import { nameOf, toModelVersion } from "./model-version.ts";
import { resolvePointer } from "./resolve-pointer.ts";
import { modelVersionAnswer } from "./schemas.ts";

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
      return answer === undefined ? undefined : toModelVersion({ name, version }, answer.model_version);
    },
    readMetrics: (version, signal) => readMetrics(http, version, signal),
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
