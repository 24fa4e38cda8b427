import { createAcrBuilder } from "../../shared/adapters/container-registry/image-builder.ts";
import { createMlflowHttp } from "../../shared/adapters/mlflow/mlflow-http.ts";
import { createMlflowRegistry } from "../../shared/adapters/mlflow/model-registry.ts";
import type { ModelIdentity, ModelVersion } from "../../shared/domain/model.ts";
import type { Pointer } from "../../shared/domain/promotion.ts";
import type { BuildState } from "../../shared/ports/image-builder.ts";
import type { ModelArtifact, ModelRegistry } from "../../shared/ports/model-registry.ts";
import { type GoodAnswer, spoilAnswer, toWireAnswer } from "./answer-cases.ts";
import { answerFetch } from "./answering-fetch.ts";
import type { Json } from "./json-value.ts";
import type { Random } from "./random.ts";
import { BLANK } from "./respoken.ts";
import { clientOf, taskRun } from "./tasks-questions.ts";

const SIGNAL = new AbortController().signal;
const MISSING: GoodAnswer = { status: 404, body: { error_code: "RESOURCE_DOES_NOT_EXIST", message: "not found" } };

/** Asks an MLflow that answers so by what an address holds; one of the answers is spoiled on its way. */
async function ask<T>(
  random: Random,
  answers: Readonly<Record<string, GoodAnswer>>,
  call: (registry: ModelRegistry) => Promise<T>,
): Promise<T> {
  const part = random.pick(Object.keys(answers));
  const spoiled = spoilAnswer(random, answers[part] ?? MISSING, BLANK);
  const stop = answerFetch(({ href }) => {
    const found = Object.keys(answers).find((one) => href.includes(one)) ?? "";
    return found === part ? spoiled : { kind: "good", answer: toWireAnswer(answers[found] ?? MISSING) };
  });
  try {
    return await call(createMlflowRegistry(createMlflowHttp(new URL("http://mlflow.invalid"))));
  } finally {
    stop();
  }
}

function versionAnswer(version: ModelVersion | undefined): GoodAnswer {
  if (version === undefined) return MISSING;
  const { name, version: number, createdAt, status, runId = "" } = version;
  const what = { name, version: number, creation_timestamp: createdAt, status, run_id: runId, source: "s3://models" };
  return { status: 200, body: { model_version: what } };
}

/** What a registry answers, as MLflow would word it, spoiled, and read by the adapter. */
export const REGISTRY = {
  resolve: (random: Random, good: ModelVersion | undefined, model: string, pointer: Pointer) =>
    ask(random, { "/registered-models/alias": versionAnswer(good) }, (registry) =>
      registry.resolve(model, pointer, SIGNAL),
    ),
  readVersion: (random: Random, good: ModelVersion | undefined, model: string, version: string) =>
    ask(random, { "/model-versions/get": versionAnswer(good) }, (registry) =>
      registry.readVersion(model, version, SIGNAL),
    ),
  readMetrics: (random: Random, good: ReadonlyMap<string, number>, version: ModelVersion) => {
    const metrics = [...good].map(([key, value]) => ({ key, value, timestamp: 1, step: 0 }));
    const run = { info: { run_id: version.runId ?? "" }, data: { metrics } };
    return ask(random, { "/runs/get": { status: 200, body: { run } } }, (registry) =>
      registry.readMetrics(version, SIGNAL),
    );
  },
  readInputExample: (random: Random, good: unknown, version: ModelIdentity) => {
    const mlmodel = "saved_input_example_info:\n  serving_input_path: serving.json\n";
    const answers = {
      "path=MLmodel": { status: 200, body: mlmodel },
      "path=serving.json": { status: 200, body: good as Json },
    };
    return ask(random, answers, (registry) => registry.readInputExample(version, SIGNAL));
  },
  listArtifacts: (random: Random, good: readonly ModelArtifact[], version: ModelVersion) => {
    const files = good.map(({ path, bytes }) => ({ path, is_dir: false, file_size: bytes }));
    const answers = {
      "get-download-uri": { status: 200, body: { artifact_uri: "mlflow-artifacts:/0/run/artifacts/model" } },
      "/mlflow-artifacts/artifacts": { status: 200, body: { files } },
    };
    return ask(random, answers, (registry) => registry.listArtifacts(version, SIGNAL));
  },
};

function runOf(name: string, state: BuildState): GoodAnswer {
  switch (state.kind) {
    case "absent":
      return { status: 404, body: { error: { code: "ResourceNotFound", message: "not found" } } };
    case "running":
      return { status: 200, body: taskRun(name, "Running") };
    case "succeeded": {
      const outputImages = [{ repository: "churn", tag: "1", digest: state.digest ?? null }];
      return { status: 200, body: taskRun(name, "Succeeded", { outputImages }) };
    }
    case "failed":
      return {
        status: 200,
        body: taskRun(name, state.cause === "broken" ? "Failed" : "Error", { runErrorMessage: state.message }),
      };
    default:
      return state satisfies never;
  }
}

/** What a build has come to, as ACR Tasks would word it, spoiled, and read by the adapter. */
export const BUILDER = {
  look: (random: Random, good: BuildState, name: string) => {
    const spoiled = spoilAnswer(random, runOf(name, good), BLANK);
    const log = toWireAnswer({ status: 200, body: { logLink: "https://logs.invalid/log" } });
    const client = clientOf(({ pathname }) =>
      pathname.endsWith("listLogSasUrl") ? { kind: "good", answer: log } : spoiled,
    );
    const lines = good.kind === "failed" ? good.lastLines : [];
    const stop = answerFetch(() => ({ kind: "good", answer: toWireAnswer({ status: 200, body: lines.join("\n") }) }));
    const builder = createAcrBuilder({ client: async () => client, resourceGroup: "models", registryName: "models" });
    return builder.look(name, SIGNAL).finally(stop);
  },
};
