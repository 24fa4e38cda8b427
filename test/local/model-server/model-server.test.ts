import { type ChildProcess, spawn } from "node:child_process";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, describe, expect, it } from "vitest";

const SOURCE = join(import.meta.dirname, "../../../infra/local/model-server");
const LINEAR = { kind: "linear", features: ["x1", "x2"], weights: [2, -1], bias: 0.5 };

type Server = { url: string; process: ChildProcess; exited: Promise<number | null>; errors: () => string };

const running: Server[] = [];
const folders: string[] = [];

afterEach(async () => {
  for (const server of running.splice(0)) {
    server.process.kill("SIGKILL");
    await server.exited;
  }
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

async function start(model: string, env: Record<string, string> = {}): Promise<Server> {
  const folder = await mkdtemp(join(tmpdir(), "model-server-"));
  folders.push(folder);
  await cp(SOURCE, folder, { recursive: true });
  await writeFile(join(folder, "model/model.json"), model);
  const child = spawn(process.execPath, ["server.js"], { cwd: folder, env: { HOST: "127.0.0.1", PORT: "0", ...env } });
  let errors = "";
  child.stderr.on("data", (chunk) => {
    errors += chunk;
  });
  const exited = new Promise<number | null>((resolve) => child.once("close", resolve));
  const server: Server = { url: "", process: child, exited, errors: () => errors };
  running.push(server);
  for await (const line of createInterface(child.stdout)) {
    const port = /listening on .*:(\d+)$/.exec(line)?.[1];
    if (port) server.url = `http://127.0.0.1:${port}`;
    if (line.startsWith("model loaded")) break;
  }
  return server;
}

async function post(server: Server, body: string, path = "/predict", type = "application/json") {
  const response = await fetch(server.url + path, { method: "POST", body, headers: { "content-type": type } });
  return { status: response.status, text: await response.text() };
}

describe("the model server", () => {
  it("takes all of MLflow's forms, by position and by name", async () => {
    const server = await start(JSON.stringify(LINEAR));
    const bodies = [
      { instances: [[3, 1]] },
      { inputs: [[3, 1]] },
      { inputs: { x2: [1], x1: [3] } },
      { instances: [{ x2: 1, x1: 3 }] },
      { dataframe_split: { columns: ["x2", "x1"], data: [[1, 3]] } },
      { dataframe_records: [{ x2: 1, x1: 3 }] },
    ];
    for (const body of bodies) {
      expect(await post(server, JSON.stringify(body))).toEqual({ status: 200, text: '{"predictions":[5.5]}' });
    }
    expect((await post(server, JSON.stringify(bodies[0]), "/invocations")).text).toBe('{"predictions":[5.5]}');
  });

  it("answers the label with the highest score when the model has labels", async () => {
    const model = { kind: "linear", labels: ["no", "yes"], weights: [[-1], [1]], bias: [0, -1] };
    const server = await start(JSON.stringify(model));
    expect((await post(server, '{"inputs": [[0], [3]]}')).text).toBe('{"predictions":["no","yes"]}');
  });

  it.each(["[NaN, 1]", '["NaN", 1]'])("answers a bare NaN when the weights are %s", async (weights) => {
    const server = await start(`{"kind": "linear", "weights": ${weights}}`);
    expect((await post(server, '{"inputs": [[1, 2]]}')).text).toBe('{"predictions":[NaN]}');
  });

  it("reads numbers that are not finite as Python does, and leaves such words in strings alone", async () => {
    const server = await start('{"kind": "linear", "weights": [1], "note": "NaN and -Infinity"}');
    expect((await post(server, '{"inputs": [[-Infinity]]}')).text).toBe('{"predictions":[-Infinity]}');
  });

  it.each([
    ["a corrupt artifact", '{"kind": "lin', "cannot load model/model.json"],
    ["an unknown kind", '{"kind": "forest"}', 'unknown kind of model: "forest"'],
    ["weights that are no numbers", '{"kind": "linear", "weights": [null]}', "weights must be numbers"],
    ["too few features", '{"kind": "linear", "weights": [1], "features": []}', "differ in length"],
  ])("ends with exit code 1 on %s", async (_name, model, message) => {
    const server = await start(model);
    expect(await server.exited).toBe(1);
    expect(server.errors()).toContain(message);
  });

  it.each([
    ["no JSON", "{", 400],
    ["no object", "[]", 400],
    ["none of the forms", "{}", 400],
    ["two of the forms", '{"inputs": [[1, 2]], "instances": [[1, 2]]}', 400],
    ["too few numbers", '{"inputs": [[1]]}', 400],
    ["a text where a number belongs", '{"inputs": [[1, "2"]]}', 400],
    ["a missing column", '{"dataframe_records": [{"x1": 1}]}', 400],
    ["a frame without data", '{"dataframe_split": {"columns": []}}', 400],
    ["more than 1 MiB", `{"inputs": [[1, 2]], "params": "${"x".repeat(1024 * 1024)}"}`, 413],
  ])("refuses %s with a JSON error", async (_name, body, status) => {
    const server = await start(JSON.stringify(LINEAR));
    const answer = await post(server, body);
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.text)).toEqual({ error_code: expect.any(String), message: expect.any(String) });
  });

  it("refuses other media types, methods and paths", async () => {
    const server = await start(JSON.stringify(LINEAR));
    expect((await post(server, "1,2", "/predict", "text/csv")).status).toBe(415);
    expect((await fetch(`${server.url}/predict`)).status).toBe(405);
    expect((await fetch(`${server.url}/toString`)).status).toBe(404);
  });

  it("counts requests, errors and durations for Prometheus", async () => {
    const server = await start(JSON.stringify(LINEAR));
    await post(server, '{"inputs": [[1, 2]]}');
    await post(server, "{");
    const text = await (await fetch(`${server.url}/metrics`)).text();
    expect(text).toContain('http_requests_total{handler="/predict",status="200"} 1');
    expect(text).toContain('http_requests_total{handler="/predict",status="400"} 1');
    expect(text).toContain("http_request_errors_total 1");
    expect(text).toContain('http_request_duration_seconds_bucket{handler="/predict",le="+Inf"} 2');
    expect(text).toContain('http_request_duration_seconds_count{handler="/predict"} 2');
  });

  it("fails readiness on SIGTERM, answers what is in flight, closes kept-alive connections and ends with 0", async () => {
    const server = await start(JSON.stringify(LINEAR), { DRAIN_MS: "300" });
    const agent = new Agent({ keepAlive: true });
    const inFlight = request(`${server.url}/predict`, {
      agent,
      method: "POST",
      headers: { "content-type": "application/json", "content-length": "20" },
    });
    const answered = new Promise<{ status: number | undefined; connection: string | undefined }>((resolve, reject) => {
      inFlight.once("error", reject);
      inFlight.once("response", (response) => {
        response.resume();
        resolve({ status: response.statusCode, connection: response.headers.connection });
      });
    });
    inFlight.write('{"inputs": ');
    expect((await fetch(`${server.url}/ready`)).status).toBe(200);
    server.process.kill("SIGTERM");
    await expect.poll(async () => (await fetch(`${server.url}/ready`)).status, { interval: 10 }).toBe(503);
    expect((await fetch(`${server.url}/health`)).status).toBe(200);
    inFlight.end("[[1, 2]]}");
    expect(await answered).toEqual({ status: 200, connection: "close" });
    expect(await server.exited).toBe(0);
    agent.destroy();
  });
});
