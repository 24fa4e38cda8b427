import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createMlflowClient } from "../../../infra/local/mlflow/client.ts";
import { createMlflowHttp } from "../../../shared/adapters/mlflow/mlflow-http.ts";
import { createMlflowRegistry } from "../../../shared/adapters/mlflow/model-registry.ts";
import { createMlflowStage } from "../../contracts/mlflow-stage.ts";
import { modelRegistryContract } from "../../contracts/model-registry.ts";
import { API, call } from "../../local/mlflow/harness.ts";
import { type RealMlflow, startRealMlflow } from "./server.ts";

let mlflow: RealMlflow;

// The first run installs MLflow, which takes minutes on a slow network.
beforeAll(async () => {
  mlflow = await startRealMlflow();
}, 900_000);
afterAll(() => mlflow?.stop());

const open = (modelsPerPage?: number) => createMlflowRegistry(createMlflowHttp(new URL(mlflow.url)), modelsPerPage);

modelRegistryContract("a real MLflow", async () =>
  createMlflowStage(createMlflowClient({ url: mlflow.url, timeoutMilliseconds: 60_000 }), open(4)),
);

describe("a real MLflow's list of models", () => {
  const list = (modelsPerPage?: number) => open(modelsPerPage).listModels(undefined, AbortSignal.timeout(60_000));

  test("leaves out its prompts", async () => {
    const tags = [{ key: "mlflow.prompt.is_prompt", value: "true" }];
    const made = await call(mlflow.url, "POST", `${API}/registered-models/create`, { name: "a-prompt", tags });
    expect(made.status).toBe(200);
    const { models } = await list(1_000);
    expect(models.length).toBeGreaterThan(0);
    expect(models.map(({ name }) => name)).not.toContain("a-prompt");
  });

  test("is one page where there are fewer models than a page has", async () => {
    const page = await list(1_000);
    expect(page.next).toBeUndefined();
    const usual = await list();
    expect(usual.models).toEqual(page.models.slice(0, usual.models.length));
  });
});
