import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import type { DemoDeployment } from "../../../infra/local/demo/deployments-client.ts";
import { DEMO_POLICY } from "../../../infra/local/demo/run-demo.ts";
import { NAMESPACE, openScene, type Scene } from "../../../infra/local/demo/scene.ts";
import { type Stack, startStack } from "../../../infra/local/stack/stack.ts";
import { buildAppAside } from "../../stack/built-app.ts";
import { type RealMlflow, startRealMlflow } from "./server.ts";

const ROOT = resolve(import.meta.dirname, "../../..");
const run = promisify(execFile);

/** One test after the other, on one server and one stack: what the first leaves is what the next begins with. */
let mlflow: RealMlflow;
let stack: Stack;
let scene: Scene;
let first: DemoDeployment;
/** In reverse order, also when the beginning failed. */
const undo: (() => unknown)[] = [];

// The first run installs MLflow, which takes minutes on a slow network.
beforeAll(async () => {
  mlflow = await startRealMlflow();
  undo.push(() => mlflow.stop());
  const app = await buildAppAside();
  undo.push(app.remove);
  stack = await startStack({
    policyFile: DEMO_POLICY,
    namespace: NAMESPACE,
    appDirectory: app.directory,
    mlflowUrl: mlflow.url,
  });
  undo.push(() => stack.close());
  scene = await openScene({ ...stack, say: () => undefined });
}, 900_000);

afterAll(async () => {
  for (const step of undo.reverse()) await step();
});

const view = z.object({ promotion: z.object({ origin: z.object({ kind: z.string(), event: z.string() }) }) });
const webhooks = z.object({ webhooks: z.array(z.unknown()).default([]) });

async function originOf({ id }: DemoDeployment) {
  const answer = await fetch(`${stack.appUrl()}/api/deployments/${id}`, {
    headers: { "x-functions-key": stack.functionKey },
    signal: AbortSignal.timeout(10_000),
  });
  return view.parse(await answer.json()).promotion.origin;
}

test("a version promoted in a real MLflow arrives by its own signed delivery and goes live", async () => {
  first = await scene.promote("good");
  expect(first).toMatchObject({ phase: "Succeeded", version: "1", serving: { version: "1" } });
  expect(await originOf(first)).toEqual({ kind: "webhook", event: "model_version_alias.created" });
  const traffic = await scene.traffic();
  const answer: unknown = JSON.parse(await traffic.predict([[10, 0]]));
  await traffic.stop();
  expect(answer).toEqual({ predictions: [0] });
});

test("a version whose predictions are not finite is rolled back", async () => {
  const second = await scene.promote("notFinite");
  expect(second).toMatchObject({ phase: "RolledBack", code: "prediction-wrong", version: "2" });
  expect(second.serving).toEqual(first.serving);
});

test("a version below its gate is rejected by what its run measured", async () => {
  expect(await scene.promote("belowGate")).toMatchObject({ phase: "Rejected", code: "gate-failed", version: "3" });
});

test("MLflow's own test delivery is taken and promotes nothing", async () => {
  const before = await scene.deployments();
  const answer = await fetch(`${mlflow.url}/api/2.0/mlflow/webhooks/${scene.webhookId}/test`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
    signal: AbortSignal.timeout(30_000),
  });
  expect(await answer.json()).toMatchObject({ result: { success: true, response_status: 202 } });
  expect(await scene.deployments()).toEqual(before);
});

test("the demo plays a story against it with --mlflow, and takes its webhook away again", async () => {
  await scene.close();
  const { stdout } = await run("npm", ["run", "--silent", "demo", "--", "first", "--mlflow", mlflow.url], {
    cwd: ROOT,
    timeout: 120_000,
  });
  expect(stdout).toContain("MLflow (real)");
  expect(stdout).toContain("Every story ended as it must");
  const listed = await fetch(`${mlflow.url}/api/2.0/mlflow/webhooks`, { signal: AbortSignal.timeout(10_000) });
  expect(webhooks.parse(await listed.json()).webhooks).toEqual([]);
});
