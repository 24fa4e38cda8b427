import type { ModelVersion } from "../../domain/model.ts";
import type { MlflowHttp } from "./mlflow-http.ts";
import { notAsked } from "./model-version.ts";
import { loggedModelAnswer, runAnswer, type WireMetric } from "./schemas.ts";

/** The latest value of each metric of a version's run and of its logged model, whose own win over the run's. */
export async function readMetrics(
  http: MlflowHttp,
  { runId, modelId }: Pick<ModelVersion, "runId" | "modelId">,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const ofRun = runId === undefined ? [] : await readRun(http, runId, signal);
  const ofModel = modelId === undefined ? [] : await readLoggedModel(http, modelId, signal);
  return new Map([...latest(ofRun), ...latest(ofModel)]);
}

async function readRun(http: MlflowHttp, runId: string, signal: AbortSignal): Promise<readonly WireMetric[]> {
  const answer = await http.get("/api/2.0/mlflow/runs/get", { run_id: runId }, runAnswer, signal);
  if (answer === undefined) return [];
  if (answer.run.info.run_id !== runId) throw notAsked("run");
  return answer.run.data.metrics;
}

async function readLoggedModel(http: MlflowHttp, modelId: string, signal: AbortSignal): Promise<readonly WireMetric[]> {
  const path = `/api/2.0/mlflow/logged-models/${encodeURIComponent(modelId)}`;
  const answer = await http.get(path, {}, loggedModelAnswer, signal);
  if (answer === undefined) return [];
  if (answer.model.info.model_id !== modelId) throw notAsked("logged model");
  return answer.model.data.metrics;
}

/** MLflow lists every point of a logged model's metrics, in no order; the newest is that of the highest step. */
function latest(metrics: readonly WireMetric[]): ReadonlyMap<string, number> {
  const byAge = metrics.toSorted((a, b) => a.step - b.step || a.timestamp - b.timestamp);
  return new Map(byAge.map(({ key, value }) => [key, value]));
}
