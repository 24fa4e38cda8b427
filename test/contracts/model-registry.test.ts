import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createMlflowClient, type MlflowClient } from "../../infra/local/mlflow/client.ts";
import { systemClock } from "../../infra/local/mlflow/clock.ts";
import { createMlflowServer } from "../../infra/local/mlflow/server.ts";
import { createMlflowHttp } from "../../shared/adapters/mlflow/mlflow-http.ts";
import { createMlflowRegistry } from "../../shared/adapters/mlflow/model-registry.ts";
import type { ModelRegistry } from "../../shared/ports/model-registry.ts";
import { createFakeRegistry } from "../fakes/fake-registry.ts";
import { API, at, call, text } from "../local/mlflow/harness.ts";
import { createMlflowStage, WITH_EXAMPLE } from "./mlflow-stage.ts";
import { modelRegistryContract } from "./model-registry.ts";

const MODELS_PER_PAGE = 4;

let time = Date.now();
/** What happens later is younger, however fast the machine is. */
const tick = () => {
  time += 1;
  return time;
};
const server = createMlflowServer({ clock: { ...systemClock, now: tick } });
let client: MlflowClient;
let registry: ModelRegistry;
beforeAll(async () => {
  const url = await server.listen();
  client = createMlflowClient({ url });
  registry = createMlflowRegistry(createMlflowHttp(new URL(url)), MODELS_PER_PAGE);
});
afterAll(() => server.close());

modelRegistryContract("the fake", async () => {
  const fake = createFakeRegistry(MODELS_PER_PAGE);
  const versions = new Map<string, number>();
  return {
    registry: fake,
    createModel: async (name) => {
      versions.set(name, 0);
      fake.createModel(name);
    },
    createVersion: async (name, { inputExample, ...given } = {}) => {
      const version = (versions.get(name) ?? 0) + 1;
      versions.set(name, version);
      return fake.register(name, String(version), { inputExample, ...given }).version;
    },
    setAlias: async (name, alias, version) => fake.setAlias(name, alias, version),
    deleteAlias: async (name, alias) => fake.deleteAlias(name, alias),
    setTag: async (name, version, key, value) => fake.setTag(name, version, key, value),
    setStage: async (name, version, to) => fake.setStage(name, version, to),
    deleteVersion: async (name, version) => fake.deleteVersion(name, version),
    deleteModel: async (name) => fake.deleteModel(name),
  };
});

modelRegistryContract("MLflow", async () => createMlflowStage(client, registry));

const signal = AbortSignal.timeout(60_000);
const post = async (path: string, body: unknown) => (await call(server.url, "POST", `${API}/${path}`, body)).body;

/** A version made from a logged model, as MLflow 3 does. */
async function registerLoggedModel(name: string) {
  const run = await client.createRun({ metrics: { accuracy: 0.1, only_run: 0.2 } });
  const made = await post("logged-models", { experiment_id: "0", name: "model", source_run_id: run.runId });
  const modelId = text(at(made, "model", "info", "model_id"));
  await client.createRegisteredModel(name);
  await post("model-versions/create", { name, source: `models:/${modelId}`, model_id: modelId });
  const log = (key: string, value: number, step: number) =>
    post("runs/log-metric", { run_id: run.runId, model_id: modelId, key, value, timestamp: step, step });
  return { run, modelId, log };
}

describe("logged models of MLflow 3", () => {
  it("have their own metrics, which win over the run's", async () => {
    const { log, run } = await registerLoggedModel("logged");
    await log("accuracy", 0.9, 1);
    await post("runs/log-metric", { run_id: run.runId, key: "accuracy", value: 0.2, timestamp: 9, step: 9 });
    const version = await registry.readVersion("logged", "1", signal);
    if (version === undefined) throw new Error("no version");
    expect(Object.fromEntries(await registry.readMetrics(version, signal))).toEqual({ accuracy: 0.9, only_run: 0.2 });
  });

  it("have many points of one metric in any order, of which the newest counts", async () => {
    const { log } = await registerLoggedModel("points");
    await log("accuracy", 0.95, 20);
    await log("accuracy", 0.4, 3);
    const version = await registry.readVersion("points", "1", signal);
    if (version === undefined) throw new Error("no version");
    expect((await registry.readMetrics(version, signal)).get("accuracy")).toBe(0.95);
  });

  it("have artifacts outside of any run", async () => {
    const { modelId } = await registerLoggedModel("outside");
    const root = { runId: "", artifactUri: `mlflow-artifacts:/0/models/${modelId}` };
    await client.logArtifacts(root, "artifacts", { MLmodel: WITH_EXAMPLE, "serving_input_example.json": "[1]" });
    const version = await registry.readVersion("outside", "1", signal);
    if (version === undefined) throw new Error("no version");
    expect(version.modelId).toBe(modelId);
    expect((await registry.listArtifacts(version, signal)).map(({ path }) => path)).toEqual([
      "MLmodel",
      "serving_input_example.json",
    ]);
    expect(await registry.readInputExample(version, signal)).toEqual([1]);
  });
});

describe("what MLflow cannot say", () => {
  it("a name with both kinds of quotes in a filter", async () => {
    await client.createRegisteredModel(`a'b"c`);
    const tagged = registry.resolve(`a'b"c`, { kind: "tag", key: "a", value: "b" }, signal);
    await expect(tagged).rejects.toMatchObject({ name: "PermanentError", code: "configuration-wrong" });
  });

  it("files of a store that it does not serve", async () => {
    await client.createRegisteredModel("elsewhere");
    await post("model-versions/create", { name: "elsewhere", source: "s3://bucket/model" });
    const version = await registry.readVersion("elsewhere", "1", signal);
    if (version === undefined) throw new Error("no version");
    await expect(registry.listArtifacts(version, signal)).rejects.toMatchObject({
      name: "PermanentError",
      code: "configuration-wrong",
    });
  });

  it("a newest version where there is none yet", async () => {
    await client.createRegisteredModel("no-versions");
    expect(await registry.resolve("no-versions", { kind: "newest" }, signal)).toBeUndefined();
  });
});
