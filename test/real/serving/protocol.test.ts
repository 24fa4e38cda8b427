import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { get, predict, readMetrics, refusalOf } from "./ask.ts";
import { buildServingImage, PINNED, type ServingImage } from "./image.ts";
import { logModels, type Models } from "./models.ts";
import { endAll, type ServingProcess, startServer } from "./server.ts";

const NAMES = ["forest", "behaving", "typed", "positional", "tensor", "tensors", "unsigned", "hinted"] as const;
type Name = (typeof NAMES)[number];

const run = promisify(execFile);
let models: Models;
const images = new Map<Name, ServingImage>();
const servers = new Map<Name, ServingProcess>();

// The first run installs MLflow and what the model requires, which takes minutes on a slow network.
beforeAll(async () => {
  models = await logModels();
  for (const name of NAMES) {
    const image = await buildServingImage(models.folderOf(name), models.bin);
    images.set(name, image);
    const server = await startServer(image, { MODEL_NAME: name, MODEL_VERSION: "7", MAX_BODY_BYTES: "300000" });
    servers.set(name, server);
  }
  for (const server of servers.values()) await server.ready();
}, 900_000);

afterAll(async () => {
  await endAll();
  for (const image of images.values()) await image.remove();
});

const at = (name: Name) => servers.get(name)?.url ?? expect.fail(`${name} is not there`);
const ask = (name: Name, body: unknown, type?: string) => predict(at(name), body, type);

describe("a model that scikit-learn and MLflow made", () => {
  test("predicts a thousand rows exactly as it does itself", async () => {
    const { dataframe_split, predictions } = models.forest;
    const answer = await ask("forest", { dataframe_split });
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({ predictions });
  });

  test("says the same in every form of the protocol", async () => {
    const { dataframe_split, predictions } = models.forest;
    const { columns } = dataframe_split;
    const data = dataframe_split.data.slice(0, 20);
    const records = data.map((row) => Object.fromEntries(columns.map((name, index) => [name, row[index]])));
    const lists = Object.fromEntries(columns.map((name, index) => [name, data.map((row) => row[index])]));
    const backwards = records.map((record) => ({ ...Object.fromEntries(Object.entries(record).reverse()), more: 1 }));
    const bodies = [
      { dataframe_split: { columns, data } },
      { dataframe_split: { columns, data, index: data.map((_, index) => index + 5) } },
      { dataframe_split: { data } },
      { dataframe_records: records },
      { dataframe_records: backwards },
      { instances: records },
      { instances: data },
      { inputs: lists },
      { inputs: records },
      { inputs: data },
    ];
    const wanted = { predictions: predictions.slice(0, 20) };
    for (const body of bodies) expect((await ask("forest", body)).body).toEqual(wanted);
    const one = { inputs: records[0] };
    expect((await ask("forest", one)).body).toEqual({ predictions: predictions.slice(0, 1) });
  });

  test("answers the example that it was logged with, unchanged", async () => {
    const example = await readFile(join(models.folderOf("forest"), "serving_input_example.json"), "utf8");
    expect(await ask("forest", example)).toMatchObject({
      status: 200,
      body: { predictions: models.forest.predictions.slice(0, 3) },
    });
    const mlflow = await fetch(`${at("forest")}/invocations`, {
      method: "POST",
      headers: { "content-type": "application/json; charset=UTF-8" },
      body: example,
    });
    expect(mlflow.status).toBe(200);
    await mlflow.body?.cancel();
  });

  test("is installed with mlflow-skinny in the place of mlflow, and everything else as it says", async () => {
    const { requirements } = images.get("forest") ?? expect.fail("no image");
    const own = await readFile(join(models.folderOf("forest"), "requirements.txt"), "utf8");
    const lines = requirements.trim().split("\n");
    expect(lines.slice(0, own.trim().split("\n").length).join("\n")).toBe(
      own.trim().replace(/^mlflow==/m, "mlflow-skinny=="),
    );
    expect(lines).toContain("prometheus-client==0.26.0");
    expect(requirements).not.toMatch(/^mlflow==/m);
  });

  test("has every package in the version that the model's own requirements come to, but the server's", async () => {
    const { venv } = images.get("forest") ?? expect.fail("no image");
    const pinned = (await readFile(join(venv, PINNED), "utf8")).trim().split("\n");
    const { stdout } = await run(join(models.bin, "pip"), ["--python", join(venv, "bin/python"), "freeze", "--all"]);
    const others = stdout
      .trim()
      .split("\n")
      .filter((line) => !pinned.includes(line));
    expect(others.map((line) => line.split("==")[0])).toEqual(["httptools", "prometheus_client", "uvicorn"]);
    expect(pinned.filter((line) => /^(numpy|pandas)==/.test(line))).toHaveLength(2);
  });
});

describe("input that does not fit the signature", () => {
  const row = { age: 40.5, visits: 3, member: true };
  test.each<[string, unknown, string | undefined, RegExp]>([
    ["a body that is not JSON", "{", undefined, /not JSON: .* line 1, column 2/],
    ["a body that is not an object", "[1]", undefined, /exactly one of/],
    ["no form", {}, undefined, /exactly one of .*none/],
    ["two forms", { inputs: [], instances: [] }, undefined, /exactly one of .*instances, inputs/],
    ["a key nobody knows", { inputs: [row], extra: 1 }, "extra", /something else/],
    ["no row", { dataframe_records: [] }, "dataframe_records", /no row/],
    ["rows that are none", { dataframe_split: { columns: ["age"], data: 5 } }, "dataframe_split.data", /list of rows/],
    ["rows that are too long", { dataframe_split: { data: [[1, 2, true, 4]] } }, "dataframe_split.data[0]", /3 values/],
    ["a name twice", { dataframe_split: { columns: ["age", "age"], data: [] } }, "dataframe_split.columns", /twice/],
    ["a split with more", { dataframe_split: { data: [], rows: 1 } }, "rows", /nothing else/],
    ["records that are none", { dataframe_records: [row, 5] }, "dataframe_records[1]", /must be an object/],
    [
      "a column that is missing",
      { dataframe_split: { columns: ["age", "member"], data: [[1, true]] } },
      "visits",
      /missing/,
    ],
    [
      "a column missing in one record",
      { dataframe_records: [row, { age: 1, member: true }] },
      "visits",
      /records\[1\]/,
    ],
    ["columns of different length", { inputs: { age: [1], visits: [1, 2], member: [true] } }, "visits", /2 values/],
    ["text for a number", { dataframe_records: [row, { ...row, age: "40" }] }, "age", /row 1.*a number, and is text/],
    ["a boolean for a number", { dataframe_records: [{ ...row, age: true }] }, "age", /is a boolean/],
    ["a fraction for a whole number", { dataframe_records: [{ ...row, visits: 1.5 }] }, "visits", /whole number/],
    ["a number beyond 64 bits", { dataframe_records: [{ ...row, visits: 2 ** 63 }] }, "visits", /64 bits/],
    ["null for a whole number", { dataframe_records: [{ ...row, visits: null }] }, "visits", /is null/],
    ["a number for a boolean", { dataframe_records: [{ ...row, member: 1 }] }, "member", /true or false/],
    ["a list for a number", { dataframe_records: [{ ...row, age: [1] }] }, "age", /is a list/],
    ["a param of a model without", { inputs: [row], params: { depth: 1 } }, "depth", /which has none/],
    ["params that are none", { inputs: [row], params: [] }, "params", /object/],
  ])("is told so: %s", async (_what, body, field, says) => {
    const answer = await ask("forest", body);
    expect(answer.status).toBe(400);
    const { error_code, message, field: named } = refusalOf(answer);
    expect({ error_code, field: named }).toEqual({ error_code: "BAD_REQUEST", field });
    expect(message).toMatch(says);
    expect(message).not.toMatch(/Traceback|File "|site-packages/);
  });

  test.each([
    ["deep", `${"[".repeat(50_000)}`, /deeply|not JSON/],
    ["long numbers", `{"inputs":[${"9".repeat(5_000)}]}`, /digits/],
    ["not UTF-8", new Blob([new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d])]), /not UTF-8/],
  ])("is told so where it is hostile: %s", async (_what, body, says) => {
    const raw = await fetch(`${at("forest")}/predict`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    });
    expect(raw.status).toBe(400);
    expect(await raw.text()).toMatch(says);
  });

  const good = {
    ...{ boolean: true, integer: 1, long: 2 ** 40, float: 1.5, double: 1e300, string: "ö", binary: "YWI=" },
    ...{ datetime: "2026-01-31T12:00:00", array: [1, 2], object: { a: "x" } },
  };
  test("of every type MLflow knows is taken, as the type it is", async () => {
    const answer = await ask("typed", { dataframe_records: [good, { ...good, long: 7.0, optional: "there" }] });
    expect(answer.status).toBe(200);
    const { predictions } = answer.body as { predictions: string[] };
    expect(predictions.slice(0, 5)).toEqual([
      "boolean bool bool",
      "integer int32 int32",
      "long int64 int64",
      "float float32 float32",
      "double float64 float64",
    ]);
    expect(predictions[6]).toMatch(/^binary object bytes$/);
    expect(predictions[7]).toMatch(/^datetime datetime64\[ns\] Timestamp$/);
    expect(predictions).toHaveLength(11);
  });

  test.each<[string, object, RegExp]>([
    ["boolean", { boolean: 0 }, /true or false/],
    ["integer", { integer: 2 ** 31 }, /32 bits/],
    ["long", { long: "1" }, /64 bits/],
    ["float", { float: "1" }, /a number/],
    ["double", { double: [] }, /a number/],
    ["string", { string: 5 }, /text, and is a number/],
    ["binary", { binary: "no base64!" }, /base64/],
    ["datetime", { datetime: "yesterday-ish" }, /a time/],
    ["array", { array: [1, "2"] }, /\[1\] must be a whole number/],
    ["array", { array: 5 }, /a list/],
    ["object", { object: { b: 1 } }, /\.a is missing/],
    ["object", { object: { a: "x", b: "y" } }, /\.b must be a whole number/],
  ])("of another type than %s is told so", async (field, changes, says) => {
    const answer = await ask("typed", { dataframe_records: [{ ...good, ...changes }] });
    expect(answer.status).toBe(400);
    expect(refusalOf(answer)).toMatchObject({ field, message: expect.stringMatching(says) });
  });

  test("in a column without a name is told by its position", async () => {
    expect((await ask("positional", { instances: [[1, 2]] })).body).toEqual({
      predictions: ["0 float64 float64", "1 int64 int64"],
    });
    expect(refusalOf(await ask("positional", { instances: [[1, 2.5]] })).field).toBe("1");
    expect(refusalOf(await ask("positional", { instances: [[1]] })).message).toMatch(/2 values/);
  });

  test.each<[Name, unknown, unknown]>([
    ["tensor", { instances: [[1, 2]] }, ["float32 (1, 2)"]],
    ["tensor", { inputs: [[1, null]] }, ["float32 (1, 2)"]],
    ["tensors", { inputs: { a: [[1, 2]], b: [3] } }, ["a float64 (1, 2)", "b int64 (1,)"]],
    ["tensors", { instances: [{ a: [1, 2], b: 3 }] }, ["a float64 (1, 2)", "b int64 (1,)"]],
    ["unsigned", { inputs: [[1, 2]] }, ["int64 (1, 2)"]],
    ["unsigned", { dataframe_split: { columns: ["z"], data: [[1.5]] } }, ["z float64 float64"]],
    ["hinted", { inputs: ["a", "bcd"] }, [1, 3]],
  ])("of %s is an array where arrays are asked for: %j", async (name, body, predictions) => {
    expect(await ask(name, body)).toMatchObject({ status: 200, body: { predictions } });
  });

  test.each<[Name, unknown, string | undefined, RegExp]>([
    ["tensor", { inputs: [[1, 2, 3]] }, "inputs", /shape \(any, 2\)/],
    ["tensor", { inputs: [[1], [2, 3]] }, "inputs", /not even/],
    ["tensor", { inputs: [["1", "2"]] }, "inputs", /must be numbers/],
    ["tensor", { dataframe_split: { data: [[1, 2]] } }, "dataframe_split", /not a dataframe/],
    ["tensors", { inputs: { a: [[1, 2]] } }, "b", /missing/],
    ["tensors", { inputs: { a: [[1, 2]], b: [1.5] } }, "b", /whole numbers/],
    ["tensors", { inputs: [1] }, "inputs", /by name/],
    ["unsigned", { inputs: [[1], [2, 3]] }, "inputs", /not even/],
    ["hinted", { inputs: [5] }, undefined, /type hints/],
    ["hinted", { instances: ["a"] }, "instances", /type hints/],
  ])("of %s is told so where it is no such array: %j", async (name, body, field, says) => {
    const answer = await ask(name, body);
    expect(answer.status).toBe(400);
    expect(refusalOf(answer).field).toBe(field);
    expect(refusalOf(answer).message).toMatch(says);
  });
});

describe("a model with params", () => {
  const inputs = { x: [1, 2.5] };
  const behave = (params: object) => ask("behaving", { inputs, params });

  test("takes those given and its own defaults for the others", async () => {
    expect((await ask("behaving", { inputs })).body).toEqual({ predictions: [2, 5] });
    expect((await behave({ scale: 4, weights: [1, 2] })).body).toEqual({ predictions: [4, 10] });
  });

  test.each<[object, string, RegExp]>([
    [{ scal: 4 }, "scal", /seconds, scale, kind, weights/],
    [{ scale: 1.5 }, "scale", /params\.scale must be a whole number/],
    [{ scale: null }, "scale", /is null/],
    [{ kind: 5 }, "kind", /must be text/],
    [{ weights: 1 }, "weights", /must be a list/],
    [{ weights: [1, "a"] }, "weights", /weights\[1\] must be a number/],
  ])("refuses %j", async (params, field, says) => {
    const answer = await behave(params);
    expect(answer.status).toBe(400);
    expect(refusalOf(answer)).toMatchObject({ field, message: expect.stringMatching(says) });
  });

  test.each<[string, unknown]>([
    ["array", [2, 5]],
    ["series", [{ y: 1 }, { y: 2.5 }]],
    ["frame", [1, 2.5].map((x) => ({ x, at: "2026-01-31T00:00:00", text: "ö" }))],
    ["not-finite", [null, null, 1.5]],
    ["nested", [{ score: 0.5, no: null, nan: null, raw: "YWI=" }]],
    ["labels", ["yes", "no"]],
  ])("answers %s as JSON", async (kind, predictions) => {
    expect(await behave({ kind })).toMatchObject({ status: 200, body: { predictions } });
  });

  test("reads null and Python's NaN as numbers that are missing", async () => {
    for (const x of ["null", "NaN"])
      expect((await ask("behaving", `{"inputs": {"x": [${x}, 1]}}`)).body).toEqual({ predictions: [null, 2] });
  });

  test.each(["raises", "object"])("that fails says nothing of itself to the client: %s", async (kind) => {
    const answer = await behave({ kind });
    expect(answer.status).toBe(500);
    expect(answer.body).toEqual({
      error_code: "INTERNAL_ERROR",
      message: "The model could not predict; its log says why.",
    });
    expect(servers.get("behaving")?.output()).toMatch(/"event": "prediction failed", "traceback": ".*Error: /);
  });
});

describe("the server", () => {
  test("tells that it lives, and that its model is ready and which", async () => {
    expect(await get(at("forest"), "/health")).toMatchObject({ status: 200, body: { status: "alive" } });
    for (const path of ["/ready", "/ping"])
      expect(await get(at("forest"), path)).toMatchObject({
        status: 200,
        body: { status: "ready", model: "forest", version: "7" },
      });
    expect(await get(at("forest"), "/ready", "HEAD")).toMatchObject({ status: 200, body: "" });
  });

  test.each<[string, string, number]>([
    ["GET", "/", 404],
    ["GET", "/predict", 405],
    ["DELETE", "/ready", 405],
    ["POST", "/metrics", 405],
  ])("refuses %s %s", async (method, path, status) => {
    const answer = await get(at("forest"), path, method);
    expect(answer.status).toBe(status);
    expect(refusalOf(answer).message).toMatch(/\/predict|takes/);
  });

  test.each(["text/csv", "application/x-www-form-urlencoded", "application/json; charset=latin-1"])(
    "refuses a body of %s",
    async (type) => {
      expect((await ask("forest", "{}", type)).status).toBe(415);
    },
  );

  test("refuses a body that is too large, said or not", async () => {
    const large = `{"inputs": [${"1,".repeat(200_000)}1]}`;
    expect((await ask("forest", large)).status).toBe(413);
    const stream = new Blob([large]).stream();
    const answer = await fetch(`${at("forest")}/predict`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: stream,
      duplex: "half",
    });
    expect(answer.status).toBe(413);
    expect(await answer.json()).toMatchObject({ message: expect.stringContaining("300000 bytes") });
  });

  test("counts every answer, and how long it took", async () => {
    const counted = async () => {
      const samples = await readMetrics(at("positional"));
      const count = (code: number) =>
        samples.get(`http_requests_total{code="${code}",method="POST",path="/predict"}`) ?? 0;
      const seconds = 'http_request_duration_seconds_bucket{le="+Inf",method="POST",path="/predict"}';
      const input = samples.get('belay_prediction_errors_total{reason="input"}') ?? 0;
      return { ok: count(200), bad: count(400), timed: samples.get(seconds) ?? 0, input, samples };
    };
    const before = await counted();
    for (let times = 0; times < 7; times++) await ask("positional", { instances: [[1, 2]] });
    for (let times = 0; times < 3; times++) await ask("positional", { instances: [[1]] });
    const after = await counted();
    expect(after.ok - before.ok).toBe(7);
    expect(after.bad - before.bad).toBe(3);
    expect(after.input - before.input).toBe(3);
    expect(after.timed - before.timed).toBe(10);
    expect(after.samples.get('belay_model_info{model="positional",version="7"}')).toBe(1);
    expect(after.samples.get('belay_prediction_errors_total{reason="model"}')).toBe(0);
    expect(
      [...after.samples.keys()].filter((name) => name.includes("_bucket") && name.includes("/predict")),
    ).toHaveLength(18);
  });

  test("makes no label of what a client makes up", async () => {
    await get(at("positional"), "/made-up/by-a-client");
    const names = [...(await readMetrics(at("positional"))).keys()].join("\n");
    expect(names).not.toContain("made-up");
    expect(names).toContain('http_requests_total{code="404",method="GET",path="other"}');
  });
});
