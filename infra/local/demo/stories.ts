import { randomUUID } from "node:crypto";
import { ALIAS, MODEL, type VersionName } from "./models.ts";
import type { Scene } from "./scene.ts";
import { signDelivery } from "./sign-delivery.ts";
import { type Check, check, describeImage, endedAs, type Story, type StoryResult } from "./story.ts";

/** Every story, in the order they are told. */
export const STORIES: readonly Story[] = [
  {
    name: "first",
    title: "the first version is promoted: built, rolled out, verified, live",
    needsStable: false,
    play: async (scene) => {
      const deployment = await scene.promote("good");
      const traffic = await scene.traffic();
      const answer = await traffic
        .predict([
          [10, 0],
          [0.1, 5],
        ])
        .catch((error: unknown) => String(error));
      await traffic.stop();
      const real = /^\{"predictions": ?\[-?[\d.e-]+, ?[\d.e-]+\]\}$/.test(answer.trim());
      return {
        checks: [endedAs(deployment, "Succeeded"), check("it serves real predictions", real, answer.trim())],
        deployments: [deployment],
      };
    },
  },
  {
    name: "replace",
    title: "a better version replaces it without one failed request",
    needsStable: true,
    play: (scene) => underTraffic(scene, "better", "Succeeded"),
  },
  {
    name: "crash",
    title: "a version whose container crashes is noticed by its proof of death and rolled back",
    needsStable: true,
    play: (scene) => underTraffic(scene, "crashing", "RolledBack", "container-dead"),
  },
  {
    name: "wrong",
    title: "versions that are healthy but predict wrongly, or not finitely, are caught and rolled back",
    needsStable: true,
    play: async (scene) => {
      const before = await servingNow(scene);
      const wrong = await scene.promote("wrong");
      const notFinite = await scene.promote("notFinite");
      return {
        checks: [
          endedAs(wrong, "RolledBack", "prediction-wrong"),
          endedAs(notFinite, "RolledBack", "prediction-wrong"),
          check(
            "the stable release serves",
            notFinite.serving?.image === before,
            describeImage(notFinite.serving?.image),
          ),
        ],
        deployments: [wrong, notFinite],
      };
    },
  },
  {
    name: "build",
    title: "a version whose build fails touches nothing on the cluster",
    needsStable: true,
    play: (scene) => untouched(scene, "unbuildable", "Failed", "build-broken"),
  },
  {
    name: "gate",
    title: "a version below its quality gate is rejected before anything is built",
    needsStable: true,
    play: (scene) => untouched(scene, "belowGate", "Rejected", "gate-failed"),
  },
  {
    name: "deliveries",
    title: "the same delivery twice, a forged signature, MLflow's own test delivery: one deployment, 401, nothing",
    needsStable: true,
    play: playDeliveries,
  },
  {
    name: "killed",
    title: "the app is killed in the middle of a rollout and started again: the deployment goes on",
    needsStable: true,
    play: playKilled,
  },
];

async function servingNow(scene: Scene): Promise<string | undefined> {
  return (await scene.deployments()).find(({ phase }) => phase === "Succeeded")?.serving?.image;
}

/** A promotion while clients send requests: whatever becomes of it, none of them may fail. */
async function underTraffic(scene: Scene, name: VersionName, phase: string, code?: string): Promise<StoryResult> {
  const before = await servingNow(scene);
  const traffic = await scene.traffic();
  const deployment = await scene.promote(name);
  const { sent, failed, firstFailure } = await traffic.stop();
  const serving = deployment.serving?.image;
  return {
    checks: [
      code === undefined ? endedAs(deployment, phase) : endedAs(deployment, phase, code),
      check(
        "not one request failed",
        failed === 0 && sent > 0,
        `${failed} of ${sent} failed${firstFailure === undefined ? "" : `: ${firstFailure}`}`,
      ),
      phase === "Succeeded"
        ? check("the new image serves", serving !== undefined && serving !== before, describeImage(serving))
        : check("the stable release serves", serving === before, describeImage(serving)),
    ],
    deployments: [deployment],
  };
}

/** A promotion that must end before the cluster is changed. */
async function untouched(scene: Scene, name: VersionName, phase: string, code: string): Promise<StoryResult> {
  const before = await scene.workloadVersion();
  const deployment = await scene.promote(name);
  const after = await scene.workloadVersion();
  return {
    checks: [
      endedAs(deployment, phase, code),
      check("nothing on the cluster was touched", before === after, `resourceVersion ${before} before, ${after} after`),
    ],
    deployments: [deployment],
  };
}

async function playDeliveries(scene: Scene): Promise<StoryResult> {
  const version = await scene.startPromotion("steady");
  // MLflow has sent its own delivery by now; this one of ours is sent twice, byte for byte.
  const delivery = signDelivery(scene.webhookSecret, { name: MODEL, alias: ALIAS, version });
  const answers = [await post(scene, delivery), await post(scene, delivery)];
  const forged = await post(scene, signDelivery(`not-${randomUUID()}`, { name: MODEL, alias: ALIAS, version }));
  const test = await testDelivery(scene);
  const deployment = await scene.waitForEnding(version);
  const all = await scene.deployments();
  const made = all.filter((one) => one.version === version).length;
  const strangers = all.filter(({ model }) => model !== MODEL).length;
  const checks: Check[] = [
    check(
      "the same delivery twice is taken twice",
      answers.every((status) => status === 202),
      answers.join(", "),
    ),
    check("and makes one deployment", made === 1, `${made} of version ${version}`),
    check("a forged signature is refused", forged === 401, String(forged)),
    check("MLflow's test delivery is taken", test === 202, String(test)),
    check("and deploys nothing", strangers === 0, `${strangers} of other models`),
    endedAs(deployment, "Succeeded"),
  ];
  return { checks, deployments: [deployment] };
}

async function post(scene: Scene, { headers, body }: ReturnType<typeof signDelivery>): Promise<number> {
  const answer = await fetch(`${scene.appUrl()}/api/webhooks/mlflow`, { method: "POST", headers, body });
  await answer.arrayBuffer();
  return answer.status;
}

/** What the receiver answered to the test delivery that MLflow sends when it is asked to. */
async function testDelivery(scene: Scene): Promise<number | undefined> {
  const answer = await fetch(`${scene.mlflowUrl}/api/2.0/mlflow/webhooks/${scene.webhookId}/test`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
  });
  const { result } = (await answer.json()) as { result?: { response_status?: number } };
  return result?.response_status;
}

async function playKilled(scene: Scene): Promise<StoryResult> {
  const before = await scene.workloadVersion();
  const traffic = await scene.traffic();
  const version = await scene.startPromotion("good");
  await scene.waitForChange(before);
  scene.say("        Belay's process is killed …");
  await scene.killApp();
  await scene.startAppAgain();
  scene.say("        … and started again");
  const deployment = await scene.waitForEnding(version);
  const { sent, failed, firstFailure } = await traffic.stop();
  const failures = firstFailure === undefined ? "" : `: ${firstFailure}`;
  return {
    checks: [
      endedAs(deployment, "Succeeded"),
      check("not one request failed", failed === 0, `${failed} of ${sent} failed${failures}`),
    ],
    deployments: [deployment],
  };
}
