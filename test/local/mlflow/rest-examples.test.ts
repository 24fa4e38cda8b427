import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { createMlflowServer, type MlflowServer } from "../../../infra/local/mlflow/server.ts";
import { API, at, call, callRaw, type Seen, text } from "./harness.ts";

const RECORDED = new URL("../../recorded/mlflow-rest-examples.json", import.meta.url);
const RUN = "c9855ff9020748648c404262be2bd350";
const LOGGED_RUN = "0bb3c2f88b564008be68c2b76ba9b190";
const LOGGED_MODEL = "m-24e4b0714be04bca866de1b60f7c1e0b";
const UNICODE_MODEL = "модель-日本-é-🚀";
const ODD_MODEL = "50%?&=#+;'\"<b>";

/** Recorded answers the stand-in does not give, and why. */
const NOT_COVERED: Record<string, string> = {
  "runs-get-logged": "runs/outputs is not implemented, so a run has no model_outputs",
};
/** Replayed by their own tests below, because they need headers of their own. */
const OWN_TEST = ["host-header-check", "origin-check", "model-versions-set-tag-wrong-content-type"];

const example = z.object({
  name: z.string(),
  request: z.string(),
  requestBody: z.unknown(),
  status: z.number(),
  contentType: z.string(),
  response: z.unknown(),
});
const { examples } = z.object({ examples: z.array(example) }).parse(JSON.parse(await readFile(RECORDED, "utf8")));

let server: MlflowServer;
/** Recorded ids and the stand-in's own. */
const ids = new Map<string, string>();
const seen = new Map<string, Seen>();

const mapped = (content: string): string =>
  [...ids].reduce((result, [recorded, own]) => result.replaceAll(recorded, own), content);

const post = (path: string, body: unknown): Promise<Seen> => call(server.url, "POST", `${API}/${path}`, body);

async function createRun(recorded: string, metrics: Record<string, number>): Promise<void> {
  const tags = [
    { key: "mlflow.user", value: "root" },
    { key: "mlflow.source.name", value: "drive.py" },
  ];
  const created = await post("runs/create", { experiment_id: "0", user_id: "root", start_time: 1, tags });
  ids.set(recorded, text(at(created.body, "run", "info", "run_id")));
  for (const [key, value] of Object.entries(metrics)) {
    await post("runs/log-metric", { run_id: ids.get(recorded), key, value, timestamp: 1 });
  }
  await post("runs/update", { run_id: ids.get(recorded), status: "FINISHED", end_time: 2 });
}

/** What the recorded server held before its examples were taken. */
async function buildState(): Promise<void> {
  await createRun(RUN, { accuracy: 0.93, f1: 0.91 });
  await post("runs/log-parameter", { run_id: ids.get(RUN), key: "p", value: "1" });
  await createRun(LOGGED_RUN, {});
  const ofRun = { source: mapped(`mlflow-artifacts:/0/${RUN}/artifacts/model`), run_id: ids.get(RUN) };
  for (const name of [
    "--__--",
    ODD_MODEL,
    "LAB-MODEL",
    "L".repeat(250),
    "lab-model-prod",
    "lab-logged",
    UNICODE_MODEL,
  ]) {
    await post("registered-models/create", { name });
  }
  for (const name of [ODD_MODEL, UNICODE_MODEL]) {
    await post("model-versions/create", { name, ...ofRun });
    await post("registered-models/alias", { name, alias: "champion", version: "1" });
  }
  await post("registered-models/create", { name: "lab-model", tags: [{ key: "a", value: "b" }] });
  const tags = [{ key: "stage_hint", value: "candidate" }];
  await post("model-versions/create", { name: "lab-model", ...ofRun, tags, description: "new" });
  await post("model-versions/create", { name: "lab-model", source: "s3://bucket/path with space/mödel?x=1" });
  await post("model-versions/transition-stage", { name: "lab-model", version: "1", stage: "Production" });
  for (const alias of ["-prod_EU-1-", "champion", "prod\n", "чемпион"]) {
    await post("registered-models/alias", { name: "lab-model", alias, version: "1" });
  }
  await post("registered-models/alias", { name: "lab-model", alias: "Champion", version: "2" });
  await post("model-versions/create", { name: "lab-model-prod", source: "models:/lab-model/1" });
  await call(server.url, "DELETE", `${API}/model-versions/delete`, { name: "lab-model-prod", version: "1" });
  await buildLoggedModel();
  await buildWebhooks();
}

async function buildLoggedModel(): Promise<void> {
  const asked = { experiment_id: "0", name: "model", source_run_id: ids.get(LOGGED_RUN) };
  const created = await post("logged-models", { ...asked, tags: [{ key: "mlflow.user", value: "root" }] });
  const modelId = text(at(created.body, "model", "info", "model_id"));
  ids.set(LOGGED_MODEL, modelId);
  const metric = { key: "accuracy", value: 0.95, timestamp: 1, model_id: modelId };
  await post("runs/log-metric", { run_id: ids.get(LOGGED_RUN), ...metric });
  for (const name of ["MLmodel", "conda.yaml", "python_env.yaml", "python_model.pkl", "requirements.txt"]) {
    const path = `/api/2.0/mlflow-artifacts/artifacts/0/models/${modelId}/artifacts/${name}`;
    await fetch(server.url + path, { method: "PUT", body: `content of ${name}\n` });
  }
  await call(server.url, "PATCH", `${API}/logged-models/${modelId}`, { status: "LOGGED_MODEL_READY" });
  await post("model-versions/create", { name: "lab-logged", source: `models:/${modelId}`, model_id: modelId });
}

async function buildWebhooks(): Promise<void> {
  const events = [{ entity: "REGISTERED_MODEL", action: "CREATED" }];
  const url = "http://127.0.0.1:9/hook";
  await post("webhooks", { name: "all-events", url, description: "lab", events, secret: "s" });
  await post("webhooks", { name: "unicode-secret", url, events, secret: "é" });
  await post("webhooks", { name: "no-secret", url, events });
}

/** Names and types of everything in an answer; a list by the different shapes of its items. */
function shape(value: unknown): unknown {
  if (Array.isArray(value)) return [...new Set(value.map((item) => JSON.stringify(shape(item))))].toSorted();
  if (typeof value !== "object" || value === null) return typeof value;
  const members = Object.entries(value).map(([key, member]) => [key, shape(member)]);
  return Object.fromEntries(members.toSorted());
}

function replay(recorded: z.infer<typeof example>): Promise<Seen> {
  const [method = "", path = ""] = mapped(recorded.request).split(" ");
  const body = mapped(JSON.stringify(recorded.requestBody ?? null)).replace("<100001 chars>", "x".repeat(100_001));
  return call(server.url, method, path, JSON.parse(body) ?? undefined);
}

beforeAll(async () => {
  server = createMlflowServer();
  await server.listen();
  await buildState();
  for (const recorded of examples) {
    if (!OWN_TEST.includes(recorded.name)) seen.set(recorded.name, await replay(recorded));
  }
});

afterAll(() => server.close());

const replayed = examples.filter(({ name }) => !(name in NOT_COVERED) && !OWN_TEST.includes(name));

describe("every recorded call gets the answer a real MLflow gave", () => {
  test.for(replayed.map((recorded) => [recorded.name, recorded] as const))("%s", ([name, recorded]) => {
    const answer = seen.get(name);
    expect(answer?.status).toBe(recorded.status);
    expect(answer?.contentType.split(";")[0]).toBe(recorded.contentType.split(";")[0]);
    const wanted = at(recorded.response, "_text");
    if (wanted === undefined) expect(shape(answer?.body)).toEqual(shape(recorded.response));
    else if (recorded.status !== 200 || name === "health" || name === "version") expect(answer?.body).toBe(wanted);
    else expect(answer?.body).toBe("content of MLmodel\n");
  });

  const refused = replayed.filter(({ status, response }) => status >= 400 && at(response, "error_code") !== undefined);
  test.for(refused.map((recorded) => [recorded.name, recorded] as const))("%s, word for word", ([name, recorded]) => {
    expect(seen.get(name)?.body).toEqual(JSON.parse(mapped(JSON.stringify(recorded.response))));
  });

  test("what is not covered is named, and nothing else is left out", () => {
    expect(replayed.length + Object.keys(NOT_COVERED).length + OWN_TEST.length).toBe(examples.length);
  });
});

describe("values a real MLflow gave", () => {
  test("the first page of all models, in order of their names, with the token of the next", () => {
    const recorded = examples.find(({ name }) => name === "registered-models-search");
    const answer = seen.get("registered-models-search");
    expect(at(answer?.body, "next_page_token")).toBe(at(recorded?.response, "next_page_token"));
    const names = [0, 1].map((index) => at(answer?.body, "registered_models", index, "name"));
    expect(names).toEqual(["--__--", ODD_MODEL]);
  });

  test("aliases of a model and of a version", () => {
    for (const [name, path] of [
      ["registered-models-get", ["registered_model", "aliases"]],
      ["alias-get", ["model_version", "aliases"]],
    ] as const) {
      const recorded = examples.find((candidate) => candidate.name === name);
      expect(at(seen.get(name)?.body, ...path)).toEqual(at(recorded?.response, ...path));
    }
  });

  test("NaN is a string and infinity the largest number", () => {
    const metrics = z
      .array(z.object({ key: z.string(), value: z.unknown() }))
      .parse(at(seen.get("runs-get-with-nan")?.body, "run", "data", "metrics"));
    expect(metrics).toContainEqual(expect.objectContaining({ key: "nanm", value: "NaN" }));
    expect(metrics).toContainEqual(expect.objectContaining({ key: "infm", value: Number.MAX_VALUE }));
  });
});

describe("calls that need headers of their own", () => {
  test("a content type other than JSON is refused", async () => {
    const recorded = examples.find(({ name }) => name === "model-versions-set-tag-wrong-content-type");
    const path = `${API}/model-versions/set-tag`;
    const answer = await call(server.url, "POST", path, recorded?.requestBody, { "content-type": "text/plain" });
    expect(answer.body).toEqual(recorded?.response);
  });

  test("a foreign Host is refused, except by the health check", async () => {
    const host = { host: "mlflow.example.com" };
    const recorded = examples.find(({ name }) => name === "host-header-check");
    const answer = await callRaw(server.url, "GET", `${API}/registered-models/search`, host);
    expect(answer).toEqual({ status: recorded?.status, text: at(recorded?.response, "_text") });
    expect((await callRaw(server.url, "GET", "/health", host)).status).toBe(200);
  });

  test("a write from a foreign page is refused", async () => {
    const recorded = examples.find(({ name }) => name === "origin-check");
    const origin = { origin: "https://evil.example", host: new URL(server.url).host };
    const answer = await callRaw(server.url, "POST", `${API}/model-versions/set-tag`, origin);
    expect(answer).toEqual({ status: recorded?.status, text: at(recorded?.response, "_text") });
  });
});
