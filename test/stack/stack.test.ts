import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppsV1Api, CoreV1Api, KubeConfig } from "@kubernetes/client-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import type { DemoDeployment } from "../../infra/local/demo/deployments-client.ts";
import { DEMO_POLICY } from "../../infra/local/demo/run-demo.ts";
import { NAMESPACE, openScene, type Scene, WORKLOAD } from "../../infra/local/demo/scene.ts";
import { type Stack, startStack } from "../../infra/local/stack/stack.ts";
import { buildAppAside } from "./built-app.ts";
import { descendants, isAlive } from "./processes.ts";

/** One test after the other, on one stack: what the first leaves is what the next begins with. */
let app: Awaited<ReturnType<typeof buildAppAside>>;
let temporary: string;
let before: ReadonlyMap<number, string>;
let stack: Stack;
let scene: Scene;
let first: DemoDeployment;

const usual = process.env["TMPDIR"];
/** In reverse order, also when the beginning failed. */
const undo: (() => unknown)[] = [];

beforeAll(async () => {
  app = await buildAppAside();
  undo.push(app.remove);
  before = descendants();
  temporary = mkdtempSync(join(tmpdir(), "stack-test-"));
  // Whatever the stack writes for a while goes here, where nobody else writes.
  process.env["TMPDIR"] = temporary;
  undo.push(() => rmSync(temporary, { recursive: true }), restoreTemporary);
  stack = await startStack({ policyFile: DEMO_POLICY, namespace: NAMESPACE, appDirectory: app.directory });
  undo.push(() => stack.close());
  scene = await openScene({ ...stack, say: () => undefined });
}, 30_000);

afterAll(async () => {
  for (const step of undo.reverse()) await step();
}, 30_000);

function restoreTemporary(): void {
  if (usual === undefined) delete process.env["TMPDIR"];
  else process.env["TMPDIR"] = usual;
}

const view = z.looseObject({ promotion: z.looseObject({ origin: z.unknown() }), history: z.array(z.unknown()) });

function get(path: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${stack.appUrl()}/api/${path}`, { headers, signal: AbortSignal.timeout(10_000) });
}

/** The image of the workload, and of every pod it has. */
async function imagesOnCluster(): Promise<readonly (string | undefined)[]> {
  const config = new KubeConfig();
  config.loadFromString(stack.kubeconfig);
  const { spec } = await config
    .makeApiClient(AppsV1Api)
    .readNamespacedDeployment({ namespace: NAMESPACE, name: WORKLOAD });
  const { items } = await config.makeApiClient(CoreV1Api).listNamespacedPod({ namespace: NAMESPACE });
  const living = items.filter(({ metadata }) => metadata?.deletionTimestamp === undefined);
  return [spec?.template.spec, ...living.map((pod) => pod.spec)].map((pod) => pod?.containers[0]?.image);
}

test("a version promoted by a signed delivery is built, rolled out, verified and serves", {
  timeout: 30_000,
}, async () => {
  first = await scene.promote("good");
  expect(first).toMatchObject({ phase: "Succeeded", version: "1" });
  const answer = await get(`deployments/${first.id}`, { "x-functions-key": stack.functionKey });
  const { promotion, history } = view.parse(await answer.json());
  expect(promotion.origin).toMatchObject({ kind: "webhook", event: "model_version_alias.created" });
  expect(history.length).toBeGreaterThan(5);
  const image = first.serving?.image;
  expect(image).toMatch(/@sha256:[0-9a-f]{64}$/);
  expect(await imagesOnCluster()).toEqual([image, image, image, image]);
});

test("a version whose predictions are not finite is rolled back, and the stable digest serves", {
  timeout: 40_000,
}, async () => {
  const traffic = await scene.traffic();
  const second = await scene.promote("notFinite");
  const { sent, failed } = await traffic.stop();
  expect(second).toMatchObject({ phase: "RolledBack", code: "prediction-wrong", version: "2" });
  const image = first.serving?.image;
  expect(second.serving).toEqual({ version: "1", image });
  await expect.poll(imagesOnCluster, { timeout: 10_000 }).toEqual([image, image, image, image]);
  expect({ failed, some: sent > 50 }).toEqual({ failed: 0, some: true });
});

test("on the wire, whoever is not MLflow gets nothing", async () => {
  const webhook = `${stack.appUrl()}/api/webhooks/mlflow`;
  const signal = AbortSignal.timeout(10_000);
  const unsigned = await fetch(webhook, { method: "POST", body: "{}", signal });
  expect([unsigned.status, await unsigned.text()]).toEqual([401, ""]);
  const redirected = await fetch(webhook, { signal });
  expect([redirected.status, redirected.headers.get("allow")]).toEqual([405, "POST"]);
  const withoutKey = await Promise.all([get("deployments"), get(`deployments/${first.id}`)]);
  expect(withoutKey.map(({ status }) => status)).toEqual([401, 401]);
});

test("health needs no key, and every system answers", async () => {
  const answer = await get("health");
  expect([answer.status, await answer.json()]).toMatchObject([200, { status: "ok" }]);
});

test("closing leaves no process and no file behind", { timeout: 30_000 }, async () => {
  const started = [...descendants()].filter(([pid]) => !before.has(pid));
  // The app, the watchdog of the pods, and the pods.
  expect(started.map(([pid]) => pid)).toContain(stack.appPid());
  expect(started.length).toBeGreaterThanOrEqual(5);
  expect(readdirSync(temporary)).not.toEqual([]);
  await stack.close();
  expect(started.filter(([pid]) => isAlive(pid))).toEqual([]);
  expect([...descendants()].filter(([pid]) => !before.has(pid))).toEqual([]);
  expect(readdirSync(temporary)).toEqual([]);
});
