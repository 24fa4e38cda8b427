import { invalid, type MlflowError } from "./errors.ts";
import type { ModelVersion, Registry } from "./registry.ts";
import type { Tracking } from "./tracking.ts";

/** Where a new version's artifacts come from. */
export interface Source {
  source: string;
  location: string;
  runId: string;
}

/** What the request says; undefined when the field was not given. */
interface Asked {
  source: string;
  runId: string | undefined;
  modelId: string | undefined;
}

/**
 * Checks and resolves the source of a new version as MLflow 3.17.2 does: a source in the artifact store needs the run
 * (or logged model) that holds it, `models:/name/version` takes over run and location of that version.
 */
export function resolveSource(asked: Asked, registry: Registry, tracking: Tracking): Source {
  const { source, runId = "", modelId = "" } = asked;
  const registered = /^models:\/(?<name>[^/@]+)(?:\/(?<version>[^/]+)|@(?<alias>.+))$/s.exec(source)?.groups;
  if (registered !== undefined) return copyOf(asked, findVersion(registered, registry));
  checkLocation(source);
  if (modelId !== "") return ofLoggedModel(source, modelId, tracking);
  if (/^models:/.test(source)) throw unidentified(source, "model_id");
  if (source.startsWith("runs:/") && source.split("/")[1] !== runId) throw unidentified(source, "run_id");
  if (source.startsWith("mlflow-artifacts:")) checkWithin(source, tracking.findRun(runId)?.artifactUri, "run_id");
  return { source, location: source, runId };
}

function findVersion(groups: Record<string, string | undefined>, registry: Registry): ModelVersion {
  const { name = "", version, alias = "" } = groups;
  registry.get(name);
  return version === undefined ? registry.byAlias(name, alias) : registry.getVersion(name, version);
}

function copyOf(asked: Asked, original: ModelVersion): Source {
  if (asked.runId !== undefined && asked.runId !== original.runId) {
    throw invalid(
      `Invalid model version source: '${asked.source}'. The run_id and model_id request parameters must match the referenced model version.`,
    );
  }
  return {
    source: `models:/${original.name}/${original.version}`,
    location: original.location,
    runId: original.runId,
  };
}

function ofLoggedModel(source: string, modelId: string, tracking: Tracking): Source {
  const model = tracking.findLoggedModel(modelId);
  if (model === undefined) throw unidentified(source, "model_id");
  if (source !== `models:/${modelId}`) checkWithin(source, model.artifactUri, "model_id");
  const location = source.startsWith("models:/") ? model.artifactUri : source;
  return { source, location, runId: model.sourceRunId };
}

function checkLocation(source: string): void {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(source)?.[1]?.toLowerCase();
  if (scheme === undefined || scheme === "file") {
    throw invalid(
      `Invalid model version source: '${source}'. To use a local path as a model version source, the run_id request parameter ` +
        "has to be specified and the local path has to be contained within the artifact directory of the run specified by the run_id.",
    );
  }
  if (source.replace(/%2e/gi, ".").replace(/%2f/gi, "/").split("/").includes("..")) {
    throw invalid(
      `Invalid model version source: '${source}'. If supplying a source as an http, https, local file path, ftp, objectstore, or ` +
        "mlflow-artifacts uri, an absolute path must be provided without relative path references present. Please provide an absolute path.",
    );
  }
}

function checkWithin(source: string, root: string | undefined, field: string): void {
  if (root !== undefined && (source === root || source.startsWith(`${root}/`))) return;
  throw unidentified(source, field);
}

function unidentified(source: string, field: string): MlflowError {
  return invalid(
    `Invalid model version source: '${source}'. The ${field} request parameter must identify the resource that contains the source.`,
  );
}
