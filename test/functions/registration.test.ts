import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import type { RegisteredFunction } from "../../infra/local/functions-host/registered-function.ts";
import { createWorkerCore } from "../../infra/local/functions-host/worker-core.ts";
import { STEPS } from "../../shared/domain/pipeline.ts";
import { SETTINGS } from "./settings.ts";

const ROOT = resolve(import.meta.dirname, "../..");
/** Nothing takes messages from here: a person does. */
const SET_ASIDE = "poison";

let functions: readonly RegisteredFunction[];

// The unmodified library registers with a worker that only listens.
beforeAll(async () => {
  for (const [name, value] of Object.entries(SETTINGS)) vi.stubEnv(name, value);
  const core = createWorkerCore({ log: () => undefined });
  const uninstall = core.install();
  try {
    await import("../../functions/index.ts");
    functions = core.functions();
  } finally {
    uninstall();
    vi.unstubAllEnvs();
  }
});

const byKind = <K extends RegisteredFunction["trigger"]["kind"]>(kind: K) =>
  functions.flatMap(({ name, trigger }) =>
    trigger.kind === kind ? [{ name, trigger: trigger as Extract<RegisteredFunction["trigger"], { kind: K }> }] : [],
  );

test("every queue has one function of its name, and every function its queue", () => {
  const declared = Object.keys(z.record(z.string(), z.unknown()).parse(readJson("infra/queues.json")));
  const taken = byKind("serviceBusQueue");
  expect(taken.map(({ trigger }) => trigger.queueName).sort()).toEqual(
    declared.filter((queue) => queue !== SET_ASIDE).sort(),
  );
  expect(declared).toContain(SET_ASIDE);
  for (const { name, trigger } of taken)
    expect([name, trigger.connection]).toEqual([trigger.queueName, "ServiceBusConnection"]);
});

test("every step of the pipeline has its queue function; beside them only what begins and what tells", () => {
  const names = byKind("serviceBusQueue").map(({ name }) => name);
  expect(names.sort()).toEqual(["notify", "promotions", ...STEPS].sort());
});

test("every HTTP function but webhook and health needs a function key", () => {
  const levels = byKind("http").map(({ name, trigger }) => [name, trigger.authLevel]);
  expect(Object.fromEntries(levels)).toEqual({
    "mlflow-webhook": "anonymous",
    health: "anonymous",
    deployments: "function",
    targets: "function",
    "dead-letters": "function",
    "dead-letters-replay": "function",
    "dead-letters-discard": "function",
  });
});

test("every timer has its schedule, which the settings can change", () => {
  const schedules = byKind("timer").map(({ name, trigger }) => [name, trigger.schedule]);
  expect(Object.fromEntries(schedules)).toEqual({
    reconcile: "0 */2 * * * *",
    sweep: "30 */5 * * * *",
    "daily-check": "0 0 2 * * *",
  });
});

test("the webhook is told of every method, so that it can say 405 itself", () => {
  const [webhook] = byKind("http").filter(({ name }) => name === "mlflow-webhook");
  expect(webhook?.trigger).toMatchObject({ route: "webhooks/mlflow" });
  expect([...(webhook?.trigger.methods ?? [])].sort()).toEqual([
    "DELETE",
    "GET",
    "HEAD",
    "OPTIONS",
    "PATCH",
    "POST",
    "PUT",
  ]);
});

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(resolve(ROOT, path), "utf8"));
}
