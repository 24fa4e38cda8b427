import { expect, test } from "vitest";
import { createFunctionsHost } from "../../../infra/local/functions-host/host.ts";
import type { LogLine } from "../../../infra/local/functions-host/log.ts";
import { eventually, writeApp } from "./host-process.ts";

// The library keeps its state per process, so this file starts one app once.
test("a host inside a process tells its address, functions and counts, and what outlives the timeout", async () => {
  const code = `
    app.http("hello", { route: "hello/{name}", handler: ({ params }) => ({ body: params.name }) });
    app.http("stuck", { handler: () => new Promise((resolve) => { globalThis.unstick = resolve; }) });
    app.timer("nightly", { schedule: "0 0 2 * * *", handler() {} });`;
  const lines: LogLine[] = [];
  const timedOut: string[] = [];
  const host = createFunctionsHost({
    appDirectory: writeApp(code, { version: "2.0", functionTimeout: "00:00:00.3" }),
    sink: (line) => lines.push(line),
    onTimeout: (functionName) => timedOut.push(functionName),
    graceMilliseconds: 50,
  });
  expect(() => host.url).toThrow("has not been started");
  expect(host.functions()).toEqual([]);
  await host.stop();

  await host.start();
  await expect(host.start()).rejects.toThrow("started already");
  expect(host.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect(host.functions()).toMatchObject([
    { name: "hello", trigger: { kind: "http", route: "hello/{name}", authLevel: "anonymous" } },
    { name: "stuck", trigger: { kind: "http" } },
    { name: "nightly", trigger: { kind: "timer", schedule: "0 0 2 * * *" } },
  ]);
  expect(await (await fetch(`${host.url}/api/hello/you`)).text()).toBe("you");
  expect((await fetch(`${host.url}/admin/functions/nightly`, { method: "POST", body: "{}" })).status).toBe(202);
  const stuck = fetch(`${host.url}/api/stuck`).catch(() => "cut");
  await eventually(() => timedOut).toEqual(["stuck"]);
  expect(host.executions()).toEqual({
    hello: { started: 1, succeeded: 1, failed: 0 },
    stuck: { started: 1, succeeded: 0, failed: 0 },
    nightly: { started: 1, succeeded: 1, failed: 0 },
  });

  const { url } = host;
  await host.stop();
  expect(await stuck).toBe("cut");
  expect(lines.at(-1)?.message).toBe("Stopped while invocations were still running");
  await expect(fetch(url)).rejects.toThrow();
  await host.stop();
});
