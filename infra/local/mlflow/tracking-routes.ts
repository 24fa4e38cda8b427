import { z } from "zod";
import type { Route } from "./http.ts";
import { parseParameters, real, required, tagList, whole } from "./parameters.ts";
import { toTagMap } from "./registry-routes.ts";
import {
  setRunTag,
  type Tracking,
  toExperimentJson,
  toLoggedModelJson,
  toRunDataJson,
  toRunInfoJson,
} from "./tracking.ts";

const BASE = "/api/2.0/mlflow";

const newRun = z.object({
  experiment_id: z.string().default(""),
  user_id: z.string().default(""),
  start_time: whole.default(0),
  run_name: z.string().min(1).optional(),
  tags: tagList,
});
const runUpdate = z.object({
  run_id: required,
  status: z.string().optional(),
  end_time: whole.optional(),
  run_name: z.string().min(1).optional(),
});
const metric = z.object({ key: required, value: real, timestamp: whole, step: whole.default(0) });
const loggedMetric = metric.extend({ run_id: required, model_id: z.string().min(1).optional() });
const parameter = z.object({ run_id: required, key: required, value: z.string().default("") });
const batch = z.object({
  run_id: required,
  metrics: z.array(metric.extend({ model_id: z.string().min(1).optional() })).default([]),
  params: tagList,
  tags: tagList,
});
const newLoggedModel = z.object({
  experiment_id: required,
  name: z.string().default(""),
  source_run_id: z.string().default(""),
  tags: tagList,
});
const RUN_STATUSES = ["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"];

/** Experiments and runs. */
export function trackingRoutes(tracking: Tracking): Route[] {
  return [
    {
      method: "POST",
      path: `${BASE}/experiments/create`,
      async handle(call) {
        const { name } = parseParameters(z.object({ name: required }), await call.parameters());
        return { json: { experiment_id: tracking.createExperiment(name).id } };
      },
    },
    {
      method: "GET",
      path: `${BASE}/experiments/get-by-name`,
      async handle(call) {
        const { experiment_name: name } = parseParameters(
          z.object({ experiment_name: required }),
          await call.parameters(),
        );
        return { json: { experiment: toExperimentJson(tracking.experimentByName(name)) } };
      },
    },
    {
      method: "POST",
      path: `${BASE}/runs/create`,
      async handle(call) {
        const asked = parseParameters(newRun, await call.parameters());
        const run = tracking.createRun({
          experimentId: asked.experiment_id,
          userId: asked.user_id,
          startTime: asked.start_time,
          name: asked.run_name,
          tags: toTagMap(asked.tags),
        });
        return { json: { run: { info: toRunInfoJson(run), data: toRunDataJson(run), inputs: {} } } };
      },
    },
    {
      method: "GET",
      path: `${BASE}/runs/get`,
      async handle(call) {
        const run = tracking.getRun(parseParameters(z.object({ run_id: required }), await call.parameters()).run_id);
        return { json: { run: { info: toRunInfoJson(run), data: toRunDataJson(run), inputs: {}, outputs: {} } } };
      },
    },
    {
      method: "POST",
      path: `${BASE}/runs/update`,
      async handle(call) {
        const asked = parseParameters(runUpdate, await call.parameters());
        const run = tracking.getRun(asked.run_id);
        // An unknown status is ignored, as by MLflow's parser.
        if (asked.status !== undefined && RUN_STATUSES.includes(asked.status)) run.status = asked.status;
        if (asked.end_time !== undefined) run.endTime = asked.end_time;
        if (asked.run_name !== undefined) setRunTag(run, "mlflow.runName", asked.run_name);
        return { json: { run_info: toRunInfoJson(run) } };
      },
    },
    {
      method: "POST",
      path: `${BASE}/runs/log-metric`,
      async handle(call) {
        const asked = parseParameters(loggedMetric, await call.parameters());
        const { run_id: runId, model_id: modelId, ...logged } = asked;
        tracking.logMetric(tracking.getRun(runId), logged, modelId);
        return { json: {} };
      },
    },
    {
      method: "POST",
      path: `${BASE}/runs/log-parameter`,
      async handle(call) {
        const { run_id: runId, key, value } = parseParameters(parameter, await call.parameters());
        tracking.logParameter(tracking.getRun(runId), key, value);
        return { json: {} };
      },
    },
    {
      method: "POST",
      path: `${BASE}/runs/set-tag`,
      async handle(call) {
        const { run_id: runId, key, value } = parseParameters(parameter, await call.parameters());
        setRunTag(tracking.getRun(runId), key, value);
        return { json: {} };
      },
    },
    {
      method: "POST",
      path: `${BASE}/runs/log-batch`,
      async handle(call) {
        const asked = parseParameters(batch, await call.parameters());
        const run = tracking.getRun(asked.run_id);
        for (const { key, value } of asked.params) tracking.logParameter(run, key, value);
        for (const { model_id: modelId, ...logged } of asked.metrics) tracking.logMetric(run, logged, modelId);
        for (const { key, value } of asked.tags) setRunTag(run, key, value);
        return { json: {} };
      },
    },
  ];
}

/** Logged models of MLflow 3: creation, reading, and saying that the upload is over. */
export function loggedModelRoutes(tracking: Tracking, now: () => number): Route[] {
  return [
    {
      method: "POST",
      path: `${BASE}/logged-models`,
      async handle(call) {
        const asked = parseParameters(newLoggedModel, await call.parameters());
        const model = tracking.createLoggedModel({
          experimentId: asked.experiment_id,
          name: asked.name,
          sourceRunId: asked.source_run_id,
          tags: toTagMap(asked.tags),
        });
        return { json: { model: toLoggedModelJson(model) } };
      },
    },
    {
      method: "GET",
      path: `${BASE}/logged-models/:modelId`,
      handle: (call) => ({ json: { model: toLoggedModelJson(tracking.getLoggedModel(call.path["modelId"] ?? "")) } }),
    },
    {
      method: "PATCH",
      path: `${BASE}/logged-models/:modelId`,
      async handle(call) {
        const asked = parseParameters(z.object({ status: required }), await call.parameters());
        const model = tracking.getLoggedModel(call.path["modelId"] ?? "");
        Object.assign(model, { status: asked.status, updatedAt: now() });
        return { json: { model: toLoggedModelJson(model) } };
      },
    },
  ];
}
