import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Child, startChild } from "../../../infra/local/bench/child.ts";
import { sendLoad } from "../../../infra/local/bench/load.ts";
import { residentMemory } from "../../../infra/local/bench/memory.ts";

const BENCH = join(import.meta.dirname, "../../../infra/local/bench");
let server: Child;

beforeAll(async () => {
  server = await startChild(join(BENCH, "bare-server.ts"), [], { BARE_SECRET: "secret" });
});
afterAll(() => server.stop());

const order = (secret: string) => ({
  url: server.line,
  secret,
  data: { name: "model", alias: "champion", version: "1" },
  signedAt: Date.now(),
  requests: 200,
  connections: 16,
});

test("every delivery is answered once, with a time each", async () => {
  const { statuses, latenciesMs, seconds } = await sendLoad(order("secret"));
  expect(statuses).toEqual({ 202: 200 });
  expect(latenciesMs).toHaveLength(200);
  expect(Math.min(...latenciesMs)).toBeGreaterThan(0);
  expect(Math.max(...latenciesMs)).toBeLessThanOrEqual(seconds * 1000);
});

test("answers other than 202 are no measurement: the bare server verifies signatures", async () => {
  await expect(sendLoad(order("another secret"))).rejects.toThrow('{"401":200}');
});

test("a server that is not there is no measurement", async () => {
  await expect(sendLoad({ ...order("secret"), url: "http://127.0.0.1:1/" })).rejects.toThrow("ECONNREFUSED");
});

test("a process that ends without a line is told with what it said", async () => {
  const failed = startChild(join(BENCH, "load-once.ts"), [], { BENCH_ENTRY: "/there/is/no/app.js" });
  await expect(failed).rejects.toThrow(/load-once\.ts ended with code 1: .*app\.js/s);
});

test("the memory of a process can be read", async () => {
  expect(await residentMemory(process.pid)).toBeGreaterThan(20);
  await expect(residentMemory(2 ** 22 + 1)).rejects.toThrow();
});
