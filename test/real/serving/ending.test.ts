import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { get, predict, readMetrics, refusalOf } from "./ask.ts";
import { buildServingImage, type ServingImage } from "./image.ts";
import { answered, load } from "./load.ts";
import { logModels } from "./models.ts";
import { endAll, type ServingProcess, startServer } from "./server.ts";

let image: ServingImage;

beforeAll(async () => {
  const models = await logModels();
  image = await buildServingImage(models.folderOf("behaving"), models.bin);
}, 900_000);
afterEach(endAll);
afterAll(() => image?.remove());

/** Until the process answers anything at all. */
const listening = ({ url }: ServingProcess) => vi.waitFor(() => get(url, "/health"), { timeout: 30_000, interval: 50 });
/** The machine may be busy with other things. */
const until = (check: () => unknown) => vi.waitFor(check, { timeout: 30_000, interval: 20 });
const statusOf = async (server: ServingProcess) => (await get(server.url, "/ready")).status;
const body = (seconds: number) => JSON.stringify({ inputs: { x: [1] }, params: { seconds } });

describe("while its model is being loaded", () => {
  test("a server lives, and is neither ready nor predicts; then it is and does", async () => {
    const server = await startServer(image, { TEST_LOAD_SECONDS: "3" });
    await listening(server);
    expect(await get(server.url, "/ready")).toMatchObject({ status: 503, body: { status: "loading" } });
    const early = await predict(server.url, body(0));
    expect(early.status).toBe(503);
    expect(early.headers.get("retry-after")).toBe("1");
    expect(refusalOf(early).message).toMatch(/being loaded/);
    await server.ready();
    expect((await predict(server.url, body(0))).status).toBe(200);
    expect((await readMetrics(server.url)).get('belay_prediction_errors_total{reason="loading"}')).toBe(1);
    expect((await readMetrics(server.url)).get("belay_model_load_seconds")).toBeGreaterThan(3);
  });

  test.each(["1", "2"])("SIGTERM ends it at once (workers: %s)", async (WORKERS) => {
    const server = await startServer(image, { TEST_LOAD_SECONDS: "60", WORKERS });
    await listening(server);
    const started = performance.now();
    expect(await server.end()).toEqual({ code: 0, signal: null });
    expect(performance.now() - started).toBeLessThan(20_000);
  });

  test.each(["1", "2"])("a model that cannot be loaded ends it with its reason (workers: %s)", async (WORKERS) => {
    const server = await startServer(image, { TEST_LOAD_FAILS: "1", WORKERS });
    expect(await server.ended).toEqual({ code: 1, signal: null });
    expect(server.output()).toContain("RuntimeError: the weights are for another architecture");
  });
});

test.each([
  [{ WORKERS: "none", PORT: "0" }, /PORT is not .*WORKERS is not/],
  [{ LOG_LEVEL: "loud" }, /LOG_LEVEL is not one of debug/],
  [{ DRAIN_SECONDS: "30" }, /DRAIN_SECONDS is not less than/],
])("settings that cannot be used end it at once, all told: %j", async (settings, says) => {
  const server = await startServer(image, settings);
  expect((await server.ended).code).toBe(2);
  expect(server.output()).toMatch(says);
});

describe("SIGTERM", () => {
  test.each([
    { WORKERS: "1", keepAlive: true },
    { WORKERS: "1", keepAlive: false },
    { WORKERS: "2", keepAlive: true },
  ])(
    "under load loses no request: clients go where it is ready, as a service's do (%j)",
    async ({ WORKERS, keepAlive }) => {
      const server = await startServer(image, { WORKERS });
      await server.ready();
      let goesOn = true;
      const running = load(`${server.url}/predict`, body(0.01), { clients: 16, goesOn: () => goesOn, keepAlive });
      const answers = async () =>
        (await readMetrics(server.url)).get('http_requests_total{code="200",method="POST",path="/predict"}') ?? 0;
      await until(async () => expect(await answers()).toBeGreaterThan(200));
      const ended = server.end();
      const told = performance.now();
      await until(async () => expect(await statusOf(server)).toBe(503));
      const unready = performance.now() - told;
      // An endpoint is taken out some time after its pod said so: until then requests come, and are answered.
      const before = await answers();
      await until(async () => expect(await answers()).toBeGreaterThan(before + 100));
      goesOn = false;
      const result = await running;
      expect(await ended).toEqual({ code: 0, signal: null });
      expect([...result.answers.keys()]).toEqual([200]);
      expect(result.lost).toEqual([]);
      expect(result.refused).toBe(0);
      expect(unready).toBeLessThan(2_000);
      expect(performance.now() - told).toBeLessThan(24_000);
      process.stdout.write(
        `SIGTERM with ${WORKERS} worker(s), ${keepAlive ? "kept" : "new"} connections: ${answered(result)} requests, 0 lost, not ready after ${Math.round(unready)} ms\n`,
      );
    },
  );

  test("finishes what is in flight, and takes no longer than it may", async () => {
    const server = await startServer(image, { DRAIN_SECONDS: "0" });
    await server.ready();
    const slow = [1, 2, 3, 4].map(() => predict(server.url, body(3)));
    await until(async () => expect((await readMetrics(server.url)).get("http_requests_in_progress")).toBe(5));
    const ended = server.end();
    expect((await Promise.all(slow)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(await ended).toEqual({ code: 0, signal: null });
  });

  test("gives up a prediction that takes longer than the process has", async () => {
    const server = await startServer(image, { DRAIN_SECONDS: "0", SHUTDOWN_SECONDS: "2" });
    await server.ready();
    const endless = predict(server.url, body(60)).catch(() => "cut off");
    await until(async () => expect((await readMetrics(server.url)).get("http_requests_in_progress")).toBe(2));
    const started = performance.now();
    expect(await server.end()).toEqual({ code: 1, signal: null });
    expect(performance.now() - started).toBeLessThan(20_000);
    expect(await endless).toBe("cut off");
    expect(server.output()).toContain("stopped with predictions unfinished");
  });
});

describe("several workers", () => {
  test("add up in /metrics, whichever is asked, and are ready only together", async () => {
    const server = await startServer(image, { WORKERS: "3", THREADS: "1", MODEL_NAME: "m", MODEL_VERSION: "9" });
    await server.ready();
    expect(server.output().match(/"event": "model loaded"/g)).toHaveLength(3);
    let left = 300;
    const result = await load(`${server.url}/predict`, body(0), {
      clients: 12,
      goesOn: () => left-- > 0,
      keepAlive: false,
    });
    expect(result.answers).toEqual(new Map([[200, 300]]));
    for (let times = 0; times < 6; times++) {
      const samples = await readMetrics(server.url);
      expect(samples.get('http_requests_total{code="200",method="POST",path="/predict"}')).toBe(300);
      expect(samples.get('http_request_duration_seconds_count{method="POST",path="/predict"}')).toBe(300);
      expect(samples.get('belay_model_info{model="m",version="9"}')).toBe(1);
    }
    const inProgress = async () => (await readMetrics(server.url)).get("http_requests_in_progress");
    await until(async () => expect(await inProgress()).toBe(1));
    expect(await server.end()).toEqual({ code: 0, signal: null });
  });

  test("are not ready while one of them is still loading", async () => {
    const folder = await mkdtemp(join(tmpdir(), "serving-first-"));
    const server = await startServer(image, { WORKERS: "2", TEST_FIRST_WAITS: join(folder, "first") });
    await until(() => expect(server.output()).toContain("model loaded"));
    const statuses: number[] = [];
    while (statuses.length < 30) statuses.push(await statusOf(server));
    expect(server.output().match(/"event": "model loaded"/g)).toHaveLength(1);
    expect(new Set(statuses)).toEqual(new Set([503]));
    await server.ready();
    expect(server.output().match(/"event": "model loaded"/g)).toHaveLength(2);
    await rm(folder, { recursive: true });
  });

  test("of which one dies end together, so that the container is started anew", async () => {
    const server = await startServer(image, { WORKERS: "2", DRAIN_SECONDS: "0" });
    await server.ready();
    const pids = [...server.output().matchAll(/"pid": (\d+)/g)].map(([, pid]) => Number(pid));
    process.kill(pids[0] ?? 0, "SIGKILL");
    expect(await server.ended).toEqual({ code: 1, signal: null });
    expect(server.output()).toContain("a worker ended");
    await expect(get(server.url, "/health")).rejects.toThrow();
  });

  test("end with their parent, even where it is killed", async () => {
    const server = await startServer(image, { WORKERS: "2" });
    await server.ready();
    await server.end("SIGKILL");
    await until(() => expect(get(server.url, "/health")).rejects.toThrow());
  });
});

test("more predictions than may wait are turned away, and probes are answered all the same", async () => {
  const server = await startServer(image, { THREADS: "1", QUEUE: "2" });
  await server.ready();
  const sent = Array.from({ length: 8 }, () => predict(server.url, body(2)));
  await until(async () =>
    expect((await readMetrics(server.url)).get('belay_prediction_errors_total{reason="busy"}')).toBe(5),
  );
  expect(await statusOf(server)).toBe(200);
  const statuses = (await Promise.all(sent)).map(({ status }) => status);
  expect(statuses.toSorted()).toEqual([200, 200, 200, 503, 503, 503, 503, 503]);
});
