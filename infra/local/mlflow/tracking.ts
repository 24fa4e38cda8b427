import { randomUUID } from "node:crypto";
import { invalid, MlflowError, notFound } from "./errors.ts";
import { type JsonObject, listOrNothing, pythonJson } from "./json.ts";
import { checkEntityKey, checkLength } from "./names.ts";
import { toTagsJson } from "./registry.ts";

export interface Experiment {
  id: string;
  name: string;
  createdAt: number;
}

export interface Metric {
  key: string;
  value: number;
  timestamp: number;
  step: number;
}

export interface Run {
  id: string;
  experimentId: string;
  name: string;
  userId: string;
  status: string;
  startTime: number;
  endTime: number | undefined;
  artifactUri: string;
  /** The newest value of each key. */
  metrics: Map<string, Metric>;
  parameters: Map<string, string>;
  tags: Map<string, string>;
}

/** A logged model of MLflow 3. */
export interface LoggedModel {
  id: string;
  experimentId: string;
  name: string;
  sourceRunId: string;
  status: string;
  artifactUri: string;
  createdAt: number;
  updatedAt: number;
  tags: Map<string, string>;
  metrics: (Metric & { runId: string })[];
}

/** Experiments, runs and logged models in memory; throws what MLflow would answer. */
export interface Tracking {
  createExperiment(name: string): Experiment;
  experimentByName(name: string): Experiment;
  createRun(run: Pick<Run, "experimentId" | "userId" | "startTime" | "tags"> & { name: string | undefined }): Run;
  getRun(id: string): Run;
  findRun(id: string): Run | undefined;
  logMetric(run: Run, metric: Metric, modelId: string | undefined): void;
  logParameter(run: Run, key: string, value: string): void;
  createLoggedModel(model: Pick<LoggedModel, "experimentId" | "name" | "sourceRunId" | "tags">): LoggedModel;
  getLoggedModel(id: string): LoggedModel;
  findLoggedModel(id: string): LoggedModel | undefined;
}

const NAME_TAG = "mlflow.runName";
const VERSIONS_TAG = "mlflow.modelVersions";

export function createTracking(now: () => number): Tracking {
  const experiments: Experiment[] = [{ id: "0", name: "Default", createdAt: now() }];
  const runs = new Map<string, Run>();
  const models = new Map<string, LoggedModel>();

  function checkExperiment(id: string): void {
    if (!/^\d+$/.test(id)) throw invalid(`Invalid experiment ID '${id}'. Experiment ID must be a valid integer.`);
    if (!experiments.some((experiment) => experiment.id === id)) throw notFound(`No Experiment with id=${id} exists`);
  }

  function getLoggedModel(id: string): LoggedModel {
    const model = models.get(id);
    if (model === undefined) throw notFound(`Logged model with ID '${id}' not found.`);
    return model;
  }

  return {
    getLoggedModel,
    findRun: (id) => runs.get(id),
    findLoggedModel: (id) => models.get(id),
    getRun(id) {
      const run = runs.get(id);
      if (run === undefined) throw notFound(`Run with id=${id} not found`);
      return run;
    },
    createExperiment(name) {
      if (experiments.some((experiment) => experiment.name === name)) {
        throw new MlflowError("RESOURCE_ALREADY_EXISTS", `Experiment(name=${name}) already exists.`);
      }
      const created = { id: String(experiments.length), name, createdAt: now() };
      experiments.push(created);
      return created;
    },
    experimentByName(name) {
      const found = experiments.find((experiment) => experiment.name === name);
      if (found === undefined) throw notFound(`Could not find experiment with name '${name}'`);
      return found;
    },
    createRun({ name: wanted, ...asked }) {
      checkExperiment(asked.experimentId);
      const id = newId();
      const name = runName(wanted, asked.tags.get(NAME_TAG)) ?? `run-${id.slice(0, 8)}`;
      const run: Run = {
        ...asked,
        id,
        name,
        status: "RUNNING",
        endTime: undefined,
        artifactUri: `mlflow-artifacts:/${asked.experimentId}/${id}/artifacts`,
        metrics: new Map(),
        parameters: new Map(),
        tags: new Map([...asked.tags, [NAME_TAG, name]]),
      };
      runs.set(id, run);
      return run;
    },
    logMetric(run, metric, modelId) {
      checkEntityKey("name", metric.key);
      checkLength("Metric name", 250, metric.key);
      const model = modelId === undefined ? undefined : getLoggedModel(modelId);
      const finite = { ...metric, value: storable(metric.value) };
      const known = run.metrics.get(metric.key);
      if (known === undefined || isNewer(finite, known)) run.metrics.set(metric.key, finite);
      model?.metrics.push({ ...finite, runId: run.id });
    },
    logParameter(run, key, value) {
      checkEntityKey("name", key);
      const known = run.parameters.get(key);
      if (known !== undefined && known !== value) {
        throw invalid(
          `Changing param values is not allowed. Param with key='${key}' was already logged with value='${known}' ` +
            `for run ID='${run.id}'. Attempted logging new value '${value}'.`,
        );
      }
      run.parameters.set(key, value);
    },
    createLoggedModel(asked) {
      checkExperiment(asked.experimentId);
      const id = `m-${newId()}`;
      const createdAt = now();
      const artifactUri = `mlflow-artifacts:/${asked.experimentId}/models/${id}/artifacts`;
      const name = asked.name === "" ? `model-${id.slice(2, 10)}` : asked.name;
      const status = "LOGGED_MODEL_PENDING";
      const model = { ...asked, id, name, status, artifactUri, createdAt, updatedAt: createdAt, metrics: [] };
      models.set(id, model);
      return model;
    },
  };
}

/** Sets a tag; the run's name is one. */
export function setRunTag(run: Run, key: string, value: string): void {
  run.tags.set(key, value);
  if (key === NAME_TAG) run.name = value;
}

/** Notes a registered version on its logged model, as MLflow does in a tag. */
export function noteVersion(model: LoggedModel, name: string, version: number): void {
  const known: unknown = JSON.parse(model.tags.get(VERSIONS_TAG) ?? "[]");
  const list = Array.isArray(known) ? known : [];
  model.tags.set(VERSIONS_TAG, pythonJson([...list, { name, version }]));
}

export function toExperimentJson(experiment: Experiment): JsonObject {
  return {
    experiment_id: experiment.id,
    name: experiment.name,
    artifact_location: `mlflow-artifacts:/${experiment.id}`,
    lifecycle_stage: "active",
    last_update_time: experiment.createdAt,
    creation_time: experiment.createdAt,
    workspace: "default",
  };
}

export function toRunInfoJson(run: Run): JsonObject {
  return {
    run_uuid: run.id,
    experiment_id: run.experimentId,
    run_name: run.name,
    user_id: run.userId,
    status: run.status,
    start_time: run.startTime,
    end_time: run.endTime,
    artifact_uri: run.artifactUri,
    lifecycle_stage: "active",
    run_id: run.id,
  };
}

export function toRunDataJson(run: Run): JsonObject {
  return {
    metrics: listOrNothing([...run.metrics.values()].map(toMetricJson)),
    params: toTagsJson(run.parameters),
    tags: toTagsJson(run.tags),
  };
}

export function toLoggedModelJson(model: LoggedModel): JsonObject {
  const metrics = model.metrics.map((metric) => ({
    ...toMetricJson(metric),
    model_id: model.id,
    run_id: metric.runId,
  }));
  return {
    info: {
      model_id: model.id,
      experiment_id: model.experimentId,
      name: model.name,
      creation_timestamp_ms: model.createdAt,
      last_updated_timestamp_ms: model.updatedAt,
      artifact_uri: model.artifactUri,
      status: model.status,
      model_type: "",
      source_run_id: model.sourceRunId,
      tags: toTagsJson(model.tags),
    },
    data: { metrics: listOrNothing(metrics) },
  };
}

function toMetricJson(metric: Metric): JsonObject {
  const { key, value, timestamp, step } = metric;
  return { key, value: Number.isNaN(value) ? "NaN" : value, timestamp, step };
}

/** The SQL store keeps infinities as the largest double. */
function storable(value: number): number {
  return Number.isNaN(value) ? value : Math.min(Math.max(value, -Number.MAX_VALUE), Number.MAX_VALUE);
}

function isNewer(a: Metric, b: Metric): boolean {
  return (a.step - b.step || a.timestamp - b.timestamp || a.value - b.value) > 0;
}

function runName(wanted: string | undefined, tagged: string | undefined): string | undefined {
  if (wanted !== undefined && tagged !== undefined && wanted !== tagged) {
    throw invalid(
      `Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values (run_name='${wanted}', mlflow.runName='${tagged}').`,
    );
  }
  return wanted ?? tagged;
}

function newId(): string {
  return randomUUID().replaceAll("-", "");
}
