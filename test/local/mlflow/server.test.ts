import { createHash } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createMlflowClient } from "../../../infra/local/mlflow/client.ts";
import { createMlflowServer } from "../../../infra/local/mlflow/server.ts";
import { API, at, call, type Seen, text, withServer } from "./harness.ts";

const ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts";

const post = (url: string, path: string, body: unknown): Promise<Seen> => call(url, "POST", `${API}/${path}`, body);

describe("what MLflow has and the stand-in has not", () => {
  test.for([
    ["POST", `${API}/registered-models/rename`],
    ["PATCH", `${API}/model-versions/update`],
    ["POST", `${API}/runs/search`],
    ["POST", `${API}/logged-models/search`],
    ["GET", `${API}/metrics/get-history`],
    ["POST", "/ajax-api/2.0/mlflow/traces"],
    ["GET", "/api/3.0/mlflow/gateway/endpoints/list"],
    ["POST", "/api/2.0/mlflow-artifacts/mpu/create/a/b"],
  ] as const)("%s %s answers 501", ([method, path]) =>
    withServer(async (url) => {
      const answer = await call(url, method, path, method === "GET" ? undefined : {});
      expect(answer).toMatchObject({ status: 501, body: { error_code: "NOT_IMPLEMENTED" } });
    }),
  );

  test("prompts are refused, not taken for models", () =>
    withServer(async (url) => {
      const tags = [{ key: "mlflow.prompt.is_prompt", value: "true" }];
      expect(await post(url, "registered-models/create", { name: "p", tags })).toMatchObject({ status: 501 });
    }));

  test("artifacts of a foreign store are not read", () =>
    withServer(async (url) => {
      await post(url, "registered-models/create", { name: "m" });
      await post(url, "model-versions/create", { name: "m", source: "s3://bucket/model" });
      const answer = await call(url, "GET", "/model-versions/get-artifact?name=m&version=1&path=MLmodel");
      expect(answer).toMatchObject({ status: 501, body: { error_code: "NOT_IMPLEMENTED" } });
    }));
});

describe("what nobody has", () => {
  test("is a 404 page, another method a 405 page", () =>
    withServer(async (url) => {
      expect(await call(url, "GET", `${API}/no-such`)).toMatchObject({ status: 404, contentType: /html/ });
      expect(await call(url, "POST", "/health", {})).toMatchObject({ status: 405 });
    }));

  test("a body that is no JSON counts as empty, a list breaks the handler", () =>
    withServer(async (url) => {
      const send = async (body: string): Promise<number> => {
        const headers = { "content-type": "application/json" };
        return (await fetch(`${url}${API}/registered-models/create`, { method: "POST", body, headers })).status;
      };
      expect(await send("{nope")).toBe(400);
      expect(await send("[1]")).toBe(500);
    }));
});

describe("names", () => {
  test.for(["a\nb", "% ? & = # + ; ' \" < >", "back\\slash", "@", " led and trailed ", "🚀", "x".repeat(2000)])(
    "%j is a model's name",
    (name) =>
      withServer(async (url) => {
        expect(await post(url, "registered-models/create", { name })).toMatchObject({ status: 200 });
        const read = await call(url, "GET", `${API}/registered-models/get?name=${encodeURIComponent(name)}`);
        expect(at(read.body, "registered_model", "name")).toBe(name);
      }),
  );

  test.for(["a/b", "a:b", "   ", "..", "."])("%j is none", (name) =>
    withServer(async (url) => {
      expect(await post(url, "registered-models/create", { name })).toMatchObject({
        status: 400,
        body: { error_code: "INVALID_PARAMETER_VALUE" },
      });
    }),
  );
});

describe("versions", () => {
  const source = "s3://bucket/model";

  test("a deleted number is not given again, and its aliases go with it", () =>
    withServer(async (url) => {
      await post(url, "registered-models/create", { name: "m" });
      await post(url, "model-versions/create", { name: "m", source });
      await post(url, "registered-models/alias", { name: "m", alias: "champion", version: "1" });
      await call(url, "DELETE", `${API}/model-versions/delete`, { name: "m", version: "1" });
      const next = await post(url, "model-versions/create", { name: "m", source });
      expect(at(next.body, "model_version", "version")).toBe("2");
      const model = await call(url, "GET", `${API}/registered-models/get?name=m`);
      expect(at(model.body, "registered_model", "aliases")).toBeUndefined();
    }));

  test("a model made anew starts at 1", () =>
    withServer(async (url) => {
      for (const _ of [1, 2]) {
        await post(url, "registered-models/create", { name: "m" });
        const made = await post(url, "model-versions/create", { name: "m", source });
        expect(at(made.body, "model_version", "version")).toBe("1");
        await call(url, "DELETE", `${API}/registered-models/delete`, { name: "m" });
      }
    }));

  test("one stage archives the others on request", () =>
    withServer(async (url) => {
      await post(url, "registered-models/create", { name: "m" });
      for (const version of ["1", "2"]) {
        await post(url, "model-versions/create", { name: "m", source });
        const move = { name: "m", version, stage: "production", archive_existing_versions: true };
        expect(at((await post(url, "model-versions/transition-stage", move)).body, "model_version")).toMatchObject({
          current_stage: "Production",
        });
      }
      const first = await call(url, "GET", `${API}/model-versions/get?name=m&version=1`);
      expect(at(first.body, "model_version", "current_stage")).toBe("Archived");
      const path = `${API}/registered-models/get-latest-versions?name=m&stages=Production`;
      expect(at((await call(url, "GET", path)).body, "model_versions")).toMatchObject([{ version: "2" }]);
    }));

  test("of a logged model have its run and its place, and the event a null run", () =>
    withServer(async (url, server) => {
      const events = [{ entity: "MODEL_VERSION", action: "CREATED" }];
      await post(url, "webhooks", { name: "hook", url: `${url}/health`, events });
      const client = createMlflowClient({ url });
      const run = await client.createRun();
      const asked = { experiment_id: "0", source_run_id: run.runId };
      const model = at((await post(url, "logged-models", asked)).body, "model", "info");
      const modelId = text(at(model, "model_id"));
      await client.createRegisteredModel("m");
      const body = { name: "m", source: `models:/${modelId}`, model_id: modelId };
      const made = await post(url, "model-versions/create", body);
      expect(at(made.body, "model_version")).toMatchObject({ run_id: run.runId, source: `models:/${modelId}` });
      const place = await call(url, "GET", `${API}/model-versions/get-download-uri?name=m&version=1`);
      expect(place.body).toEqual({ artifact_uri: at(model, "artifact_uri") });
      expect(server.deliveries()[0]?.event.data["run_id"]).toBeNull();
      const { model_id: _, ...unnamed } = body;
      expect(await post(url, "model-versions/create", unnamed)).toMatchObject({ status: 400 });
    }));
});

describe("search", () => {
  const found = async (url: string, what: string, filter: string): Promise<unknown> => {
    const { body } = await call(url, "GET", `${API}/${what}/search?filter=${encodeURIComponent(filter)}`);
    const items = at(body, what === "model-versions" ? "model_versions" : "registered_models");
    return Array.isArray(items) ? items.map((item) => at(item, "name")) : body;
  };

  test.for([
    ["registered-models", "name = 'churn'", ["churn"]],
    ["registered-models", "name LIKE 'c%' AND tags.team = 'growth'", ["churn"]],
    ["registered-models", "name ILIKE 'CHURN%'", ["churn", "churn-2"]],
    ["registered-models", "name LIKE 'CHURN%'", {}],
    ["registered-models", "name != 'churn'", ["churn-2"]],
    ["registered-models", "tags.`team` != 'other'", ["churn"]],
    ["model-versions", "version_number > 1", ["churn"]],
    ["model-versions", "run_id IN ('a', '')", ["churn", "churn", "churn-2"]],
    ["model-versions", "source_path LIKE 's3://b/_'", ["churn", "churn", "churn-2"]],
  ] as const)("%s: %s", ([what, filter, names]) =>
    withServer(
      async (url) => {
        const client = createMlflowClient({ url });
        await client.createRegisteredModel("churn", { team: "growth" });
        await client.createRegisteredModel("churn-2");
        for (const name of ["churn", "churn", "churn-2"]) {
          await post(url, "model-versions/create", { name, source: "s3://b/m" });
        }
        expect(await found(url, what, filter)).toEqual(names);
      },
      { clock: { now: () => 1, sleep: () => Promise.resolve() } },
    ),
  );

  test.for(["bogus='x'", "name=churn", "name > 'a'", "tags.a > 'b'", "name = 'a' OR name = 'b'"])(
    "%s is refused",
    (filter) =>
      withServer(async (url) => {
        expect(await found(url, "registered-models", filter)).toMatchObject({ error_code: "INVALID_PARAMETER_VALUE" });
      }),
  );
});

describe("artifacts", () => {
  test("24 MiB go in as a stream and come out whole, with their length", () =>
    withServer(async (url) => {
      const chunk = new Uint8Array(1024 * 1024).map((_, index) => index % 251);
      const sent = createHash("sha256");
      let chunks = 0;
      const body = new ReadableStream<Uint8Array>({
        pull(controller) {
          if (chunks === 24) return controller.close();
          chunks += 1;
          sent.update(chunk);
          controller.enqueue(chunk);
        },
      });
      const path = `${url}${ARTIFACTS}/0/run/artifacts/model/weights.bin`;
      expect((await fetch(path, { method: "PUT", body, duplex: "half" })).status).toBe(200);
      const response = await fetch(path);
      expect(response.headers.get("content-length")).toBe(String(24 * chunk.length));
      const received = createHash("sha256");
      for await (const piece of response.body ?? []) received.update(piece);
      expect(received.digest("hex")).toBe(sent.digest("hex"));
    }));

  test("an upload that breaks off leaves no artifact", () =>
    withServer(async (url) => {
      const abort = new AbortController();
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => controller.enqueue(new Uint8Array(100_000)),
        pull: () => abort.abort(),
      });
      const path = `${url}${ARTIFACTS}/broken.bin`;
      const upload = fetch(path, { method: "PUT", body, duplex: "half", signal: abort.signal });
      await expect(upload).rejects.toThrow();
      expect(await call(url, "GET", `${ARTIFACTS}/broken.bin`)).toMatchObject({ status: 404 });
      expect((await call(url, "GET", ARTIFACTS)).body).toEqual({});
    }));

  test.for(["a/..%2f..%2fx", "a%2f..%2fb", "%2fetc%2fpasswd", "a%23b", "a/%252e%252e/b"])(
    "the path %s is refused",
    (path) =>
      withServer(async (url) => {
        for (const method of ["GET", "PUT", "DELETE"]) {
          const answer = await call(url, method, `${ARTIFACTS}/${path}`);
          expect(answer).toMatchObject({ status: 400, body: { message: "Invalid path" } });
        }
      }),
  );

  test("a deleted one is gone, a second deletion is no error", () =>
    withServer(async (url) => {
      const path = `${ARTIFACTS}/0/run/artifacts/a.json`;
      await fetch(url + path, { method: "PUT", body: "{}" });
      for (const _ of [1, 2]) expect(await call(url, "DELETE", path)).toMatchObject({ status: 200, body: {} });
      expect(await call(url, "GET", path)).toMatchObject({ status: 404 });
    }));

  test("a version registered from `runs:/…` reads the run's artifacts", () =>
    withServer(async (url) => {
      const client = createMlflowClient({ url });
      const run = await client.createRun();
      await client.logArtifacts(run, "model", { MLmodel: "flavors: {}\n" });
      await client.createRegisteredModel("m");
      const source = `runs:/${run.runId}/model`;
      await post(url, "model-versions/create", { name: "m", source, run_id: run.runId });
      const read = await call(url, "GET", "/model-versions/get-artifact?name=m&version=1&path=MLmodel");
      expect(read).toMatchObject({ status: 200, contentType: "text/plain", body: "flavors: {}\n" });
    }));
});

describe("the server itself", () => {
  test("counts its requests by route", () =>
    withServer(async (url, server) => {
      await createMlflowClient({ url }).health();
      await call(url, "GET", `${API}/webhooks/a`);
      await call(url, "GET", `${API}/webhooks/b`);
      await call(url, "GET", "/nowhere");
      expect(server.requests()).toEqual({ "GET /health": 1, [`GET ${API}/webhooks/:id`]: 2, "GET unknown": 1 });
    }));

  /** A temporary directory that only this test writes to. */
  let temporary: string;
  const usual = process.env["TMPDIR"];

  beforeEach(async () => {
    temporary = await mkdtemp(join(tmpdir(), "belay-test-"));
    process.env["TMPDIR"] = temporary;
  });

  afterEach(async () => {
    if (usual === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = usual;
    await rm(temporary, { recursive: true });
  });

  test("leaves no file and no open port behind", async () => {
    const server = createMlflowServer();
    expect(() => server.url).toThrow("does not listen");
    const url = await server.listen();
    await fetch(`${url}${ARTIFACTS}/a/b.txt`, { method: "PUT", body: "x" });
    expect(await readdir(temporary, { recursive: true })).toContainEqual(expect.stringMatching(/b\.txt$/));
    await server.close();
    expect(await readdir(temporary)).toEqual([]);
    await expect(fetch(`${url}/health`)).rejects.toThrow();
  });

  test("a port that is taken is an error that leaves nothing behind", () =>
    withServer(async (url) => {
      const before = await readdir(temporary);
      const port = Number(new URL(url).port);
      await expect(createMlflowServer().listen(port)).rejects.toMatchObject({ code: "EADDRINUSE" });
      expect(await readdir(temporary)).toEqual(before);
    }));

  test("a client error says what was asked and what came back", () =>
    withServer(async (url) => {
      const client = createMlflowClient({ url });
      await expect(client.setAlias("nope", "champion", "1")).rejects.toMatchObject({
        name: "MlflowClientError",
        status: 404,
        message: expect.stringContaining("Model Version (name=nope, version=1) not found"),
      });
    }));
});
