import { afterAll, beforeAll, expect, test } from "vitest";
import { DEMO_POLICY } from "../../../infra/local/demo/run-demo.ts";
import { NAMESPACE, openScene, type Scene, WORKLOAD } from "../../../infra/local/demo/scene.ts";
import { type Stack, startStack } from "../../../infra/local/stack/stack.ts";
import { removeNamespace } from "../../local/kubernetes/real-cluster.ts";
import { buildAppAside } from "../../stack/built-app.ts";
import { type Administrator, becomeAdministrator } from "./administrator.ts";
import { setUpBelay } from "./belay-account.ts";

/** One test after the other, on one stack: what the first leaves is what the next begins with. */
let admin: Administrator;
let stack: Stack;
let scene: Scene;
/** In reverse order, also when the beginning failed. */
const undo: (() => unknown)[] = [];

beforeAll(async () => {
  admin = await becomeAdministrator();
  undo.push(() => admin.leave());
  const account = await setUpBelay(admin, NAMESPACE, { standard: true });
  undo.push(() => removeNamespace(admin.core, NAMESPACE));
  const app = await buildAppAside();
  undo.push(app.remove);
  stack = await startStack({
    policyFile: DEMO_POLICY,
    namespace: NAMESPACE,
    appDirectory: app.directory,
    kubeconfigFile: admin.adminFile,
    // The app has no more rights than the set-up gives it.
    settings: async () => ({ KUBECONFIG: account }),
  });
  undo.push(() => stack.close());
  scene = await openScene({ ...stack, say: () => undefined });
}, 120_000);

afterAll(async () => {
  for (const step of undo.reverse()) await step();
});

test("the whole app, with its least rights, takes a version live on a real control plane", async () => {
  expect(await scene.promote("good")).toMatchObject({ phase: "Succeeded", version: "1" });
  const traffic = await scene.traffic();
  const answer: unknown = JSON.parse(await traffic.predict([[10, 0]]));
  await traffic.stop();
  expect(answer).toEqual({ predictions: [0] });
});

test("a version that crashes is rolled back, and so is one that predicts wrongly", async () => {
  const crashed = await scene.promote("crashing");
  expect(crashed).toMatchObject({ phase: "RolledBack", code: "container-dead", serving: { version: "1" } });
  const wrong = await scene.promote("wrong");
  expect(wrong).toMatchObject({ phase: "RolledBack", code: "prediction-wrong", serving: { version: "1" } });
});

test("a target that somebody scales by hand is held: nothing is forced, and nothing more is deployed", async () => {
  const { code } = await admin.kubectl("-n", NAMESPACE, "scale", `deployment/${WORKLOAD}`, "--replicas=1");
  expect(code).toBe(0);
  expect(await scene.promote("better")).toMatchObject({ code: "foreign-change" });
  const workload = await admin.apps.readNamespacedDeployment({ namespace: NAMESPACE, name: WORKLOAD });
  expect(workload.spec?.replicas).toBe(1);
  expect(await scene.promote("steady")).toMatchObject({ phase: "Rejected", code: "held" });
});
