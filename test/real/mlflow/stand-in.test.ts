import { createHash, createHmac } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { type ClientRun, createMlflowClient, type MlflowClient } from "../../../infra/local/mlflow/client.ts";
import { createMlflowServer } from "../../../infra/local/mlflow/server.ts";
import { API, at, call, type Seen, text } from "../../local/mlflow/harness.ts";
import { header, type Received, startReceiver } from "../../local/mlflow/receiver.ts";
import { startRealMlflow } from "./server.ts";

const SECRET = "sécrèt-ключ-🔑";
const MODEL = "fraud détection 50% & more 🚀";
const MLMODEL = "flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n";
const WEIGHTS = new Uint8Array(3_000_000).map((_, index) => index % 251);

const KINDS = [
  ["the real MLflow", startRealMlflow],
  [
    "the stand-in",
    async () => {
      const server = createMlflowServer();
      return { url: await server.listen(), stop: () => server.close() };
    },
  ],
] as const;

describe.each(KINDS)("%s", (_, start) => {
  let url: string;
  let stop: (() => Promise<void>) | undefined;
  let client: MlflowClient;
  let run: ClientRun;

  const get = (path: string): Promise<Seen> => call(url, "GET", path);
  const byAlias = (alias: string): Promise<Seen> =>
    get(`${API}/registered-models/alias?name=${encodeURIComponent(MODEL)}&alias=${alias}`);

  beforeAll(async () => {
    const server = await start();
    ({ url } = server);
    stop = () => server.stop();
    client = createMlflowClient({ url });
    await client.createRegisteredModel(MODEL, { team: "growth" });
    run = await client.createRun({
      metrics: { accuracy: 0.93, undefined_ratio: Number.NaN, unbounded: Number.POSITIVE_INFINITY },
      params: { depth: "7" },
      tags: { branch: "main" },
    });
    await client.logArtifacts(run, "model", { MLmodel: MLMODEL, "data/weights é.bin": WEIGHTS });
    await client.createModelVersion(MODEL, run, "model");
    await client.createModelVersion(MODEL, run, "model");
    // The first run installs MLflow, which takes minutes on a slow network.
  }, 900_000);

  afterAll(() => stop?.());

  test("says that it is healthy and which version it is", async () => {
    await client.health();
    expect(await get("/version")).toMatchObject({ status: 200, body: "3.17.2" });
  });

  test("a run has its metrics, parameters and tags", async () => {
    const { body } = await get(`${API}/runs/get?run_id=${run.runId}`);
    expect(at(body, "run", "info")).toMatchObject({
      status: "FINISHED",
      artifact_uri: run.artifactUri,
      experiment_id: "0",
    });
    const metrics = z
      .array(z.object({ key: z.string(), value: z.unknown() }))
      .parse(at(body, "run", "data", "metrics"));
    const values = Object.fromEntries(metrics.map(({ key, value }) => [key, value]));
    expect(values).toEqual({ accuracy: 0.93, undefined_ratio: "NaN", unbounded: Number.MAX_VALUE });
    expect(at(body, "run", "data", "params")).toEqual([{ key: "depth", value: "7" }]);
    expect(at(body, "run", "data", "tags")).toContainEqual({ key: "branch", value: "main" });
  });

  test("a version is complete and READY", async () => {
    const { status, body } = await get(`${API}/model-versions/get?name=${encodeURIComponent(MODEL)}&version=1`);
    expect(status).toBe(200);
    expect(Object.keys(z.record(z.string(), z.unknown()).parse(at(body, "model_version")))).toEqual([
      "name",
      "version",
      "creation_timestamp",
      "last_updated_timestamp",
      "current_stage",
      "description",
      "source",
      "run_id",
      "status",
      "run_link",
    ]);
    expect(at(body, "model_version")).toMatchObject({
      name: MODEL,
      version: "1",
      run_id: run.runId,
      source: `${run.artifactUri}/model`,
      status: "READY",
    });
  });

  test("artifacts come back byte for byte, with their length", async () => {
    const query = `name=${encodeURIComponent(MODEL)}&version=1&path=${encodeURIComponent("data/weights é.bin")}`;
    const root = run.artifactUri.replace("mlflow-artifacts:/", "");
    for (const path of [
      `/model-versions/get-artifact?${query}`,
      `/api/2.0/mlflow-artifacts/artifacts/${root}/model/data/${encodeURIComponent("weights é.bin")}`,
    ]) {
      const response = await fetch(url + path, { signal: AbortSignal.timeout(15_000) });
      expect(response.headers.get("content-length")).toBe(String(WEIGHTS.length));
      const hash = createHash("sha256")
        .update(await response.bytes())
        .digest("hex");
      expect(hash).toBe(createHash("sha256").update(WEIGHTS).digest("hex"));
    }
  });

  test("artifacts are listed, by the run and by the store", async () => {
    const model = { path: "model/MLmodel", is_dir: false, file_size: MLMODEL.length };
    const ofRun = await get(`${API}/artifacts/list?run_id=${run.runId}&path=model`);
    expect(ofRun.body).toEqual({ root_uri: run.artifactUri, files: [model, { path: "model/data", is_dir: true }] });
    const root = run.artifactUri.replace("mlflow-artifacts:/", "");
    const ofStore = await get(`/api/2.0/mlflow-artifacts/artifacts?path=${root}/model`);
    expect(ofStore.body).toEqual({
      files: [
        { ...model, path: "MLmodel" },
        { path: "data", is_dir: true },
      ],
    });
  });

  test("an artifact that is not there, a directory and a path that climbs are refused", async () => {
    const read = (path: string): Promise<Seen> =>
      get(`/model-versions/get-artifact?name=${encodeURIComponent(MODEL)}&version=1&path=${path}`);
    expect(await read("nope")).toMatchObject({ status: 404, body: { error_code: "RESOURCE_DOES_NOT_EXIST" } });
    expect(await read("data")).toMatchObject({ status: 400, body: { error_code: "INVALID_PARAMETER_VALUE" } });
    expect(await read("../../x")).toMatchObject({ status: 400, body: { error_code: "INVALID_PARAMETER_VALUE" } });
  });

  test("an alias is set, moved and deleted", async () => {
    await client.setAlias(MODEL, "champion", "1");
    await client.setAlias(MODEL, "champion", "2");
    const moved = await byAlias("champion");
    expect(at(moved.body, "model_version")).toMatchObject({ version: "2", aliases: ["champion"] });
    await client.deleteAlias(MODEL, "champion");
    await client.deleteAlias(MODEL, "champion");
    expect(await byAlias("champion")).toMatchObject({
      status: 400,
      body: { error_code: "INVALID_PARAMETER_VALUE", message: "Registered model alias champion not found." },
    });
  });

  test("a missing version and a missing model are 404, `latest` is the newest", async () => {
    const name = encodeURIComponent(MODEL);
    const refusal = { status: 404, body: { error_code: "RESOURCE_DOES_NOT_EXIST" } };
    expect(await get(`${API}/model-versions/get?name=${name}&version=99`)).toMatchObject(refusal);
    expect(await get(`${API}/model-versions/get?name=nope&version=1`)).toMatchObject(refusal);
    expect(await get(`${API}/registered-models/alias?name=nope&alias=a`)).toMatchObject(refusal);
    await expect(client.setAlias(MODEL, "champion", "99")).rejects.toMatchObject({ status: 404 });
    expect(at((await byAlias("latest")).body, "model_version", "version")).toBe("2");
  });

  test("a paged search shows every alias", async () => {
    await client.createRegisteredModel("second");
    await client.setAlias(MODEL, "challenger", "1");
    const found = new Map<unknown, unknown>();
    let token = "";
    for (let pages = 0; pages < 5; pages += 1) {
      const { body } = await get(
        `${API}/registered-models/search?max_results=1&page_token=${encodeURIComponent(token)}`,
      );
      found.set(at(body, "registered_models", 0, "name"), at(body, "registered_models", 0, "aliases"));
      token = text(at(body, "next_page_token") ?? "");
      if (token === "") break;
    }
    expect(found).toEqual(
      new Map<unknown, unknown>([
        [MODEL, [{ alias: "challenger", version: "1" }]],
        ["second", undefined],
      ]),
    );
  });

  test("versions are searched by name, newest first on request", async () => {
    const filter = encodeURIComponent(`name='${MODEL}'`);
    const order = encodeURIComponent("version_number DESC");
    const { body } = await get(`${API}/model-versions/search?filter=${filter}&order_by=${order}&max_results=1`);
    expect(at(body, "model_versions", 0)).toMatchObject({ version: "2" });
    expect(at(body, "model_versions", 0, "aliases")).toBeUndefined();
    expect(at(body, "next_page_token")).toBe(btoa('{"offset": 1}'));
  });

  test.for([
    ["a version as a number", "registered-models/alias", { name: MODEL, alias: "a", version: 1 }],
    ["a reserved alias", "registered-models/alias", { name: MODEL, alias: "v1", version: "1" }],
    ["a name with a slash", "registered-models/create", { name: "a/b" }],
    ["a name that exists", "registered-models/create", { name: MODEL }],
    [
      "a source in a run that is not named",
      "model-versions/create",
      { name: MODEL, source: "mlflow-artifacts:/0/x/y" },
    ],
    ["a local source", "model-versions/create", { name: MODEL, source: "/etc" }],
    ["a tag without a key", "model-versions/set-tag", { name: MODEL, version: "1", value: "v" }],
    ["a stage there is not", "model-versions/transition-stage", { name: MODEL, version: "1", stage: "Live" }],
    ["a metric without a time", "runs/log-metric", { run_id: "x", key: "k", value: 1 }],
    ["a webhook without events", "webhooks", { name: "w", url: "http://127.0.0.1:9/", events: [] }],
  ] as const)("%s is refused with 400", async ([what, path, body], { task }) => {
    const answer = await call(url, "POST", `${API}/${path}`, body);
    expect(answer.status, what).toBe(400);
    refusals.set(`${task.suite?.name} ${what}`, answer.body);
  });

  test("what is not there is a 404 page, a wrong method a 405 page", async () => {
    expect(await get(`${API}/no-such`)).toMatchObject({ status: 404, contentType: "text/html; charset=utf-8" });
    expect(await get(`${API}/registered-models/create`)).toMatchObject({ status: 405 });
  });

  test("a webhook gets a signed delivery for an alias, and is gone once deleted", async () => {
    const receiver = await startReceiver();
    const events = ["model_version_alias.created"];
    const id = await client.createWebhook({
      name: "hook",
      url: `${receiver.url}/hook?code=k%20x`,
      events,
      secret: SECRET,
    });
    const listed = await get(`${API}/webhooks/${id}`);
    expect(at(listed.body, "webhook")).toMatchObject({ name: "hook", status: "ACTIVE" });
    expect(JSON.stringify(listed.body)).not.toContain("secret");
    // A real server keeps its list of webhooks for a second, so the first alias may go untold; set again it is told again.
    await expect
      .poll(() => client.setAlias(MODEL, "production", "2").then(() => receiver.received.length), {
        timeout: 10_000,
        interval: 300,
      })
      .toBeGreaterThan(0);
    checkDelivery(receiver.received[0]);
    await client.deleteWebhook(id);
    expect(await get(`${API}/webhooks/${id}`)).toMatchObject({ status: 404 });
  });

  test("the test endpoint sends the example and says what came back", async () => {
    const receiver = await startReceiver(() => ({ status: 202, body: "taken" }));
    const events = ["model_version_alias.created"];
    const id = await client.createWebhook({ name: "hook", url: receiver.url, events, secret: SECRET });
    const answer = await call(url, "POST", `${API}/webhooks/${id}/test`, {});
    expect(answer.body).toEqual({ result: { success: true, response_status: 202, response_body: "taken" } });
    expect(at(JSON.parse(receiver.received[0]?.body ?? "{}"), "data")).toEqual({
      name: "example_model",
      alias: "example_alias",
      version: "1",
    });
    await client.deleteWebhook(id);
  });

  test("a receiver that answers 503 is asked again with the same bytes", async () => {
    let asked = 0;
    const receiver = await startReceiver(() => ({ status: ++asked === 1 ? 503 : 200 }));
    const events = ["model_version_alias.deleted"];
    const id = await client.createWebhook({ name: "hook", url: receiver.url, events, secret: SECRET });
    const result = await call(url, "POST", `${API}/webhooks/${id}/test`, {});
    expect(at(result.body, "result", "success")).toBe(true);
    expect(receiver.received).toHaveLength(2);
    expect(receiver.received[1]).toEqual(receiver.received[0]);
    await client.deleteWebhook(id);
  });
});

/** Refusals by server and case. */
const refusals = new Map<string, unknown>();

test("both refuse in the same words", () => {
  const [real, standIn] = KINDS.map(([kind]) =>
    [...refusals].filter(([name]) => name.startsWith(kind)).map(([name, body]) => [name.slice(kind.length), body]),
  );
  expect(real).toHaveLength(10);
  expect(standIn).toEqual(real);
});

function checkDelivery(delivery: Received | undefined): void {
  expect(delivery).toMatchObject({ method: "POST", target: "/hook?code=k%20x" });
  const [id, timestamp] = [header(delivery, "X-MLflow-Delivery-Id"), header(delivery, "X-MLflow-Timestamp")];
  const expected = createHmac("sha256", SECRET).update(`${id}.${timestamp}.${delivery?.body}`).digest("base64");
  expect(header(delivery, "X-MLflow-Signature")).toBe(`v1,${expected}`);
  expect(delivery?.headers.map(([name]) => name)).toEqual([
    "Host",
    "User-Agent",
    "Accept-Encoding",
    "Accept",
    "Connection",
    "Content-Type",
    "X-MLflow-Delivery-Id",
    "X-MLflow-Timestamp",
    "X-MLflow-Signature",
    "Content-Length",
  ]);
  expect(delivery?.body).toMatch(
    /^\{"entity": "model_version_alias", "action": "created", "timestamp": "[^"]+\+00:00", /,
  );
  expect(at(JSON.parse(delivery?.body ?? "{}"), "data")).toEqual({ name: MODEL, alias: "production", version: "2" });
}
