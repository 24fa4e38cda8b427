import { setTimeout as delay } from "node:timers/promises";
import { ApiException, AppsV1Api, KubeConfig } from "@kubernetes/client-node";
import { createMlflowClient, type MlflowClient, MlflowClientError } from "../mlflow/client.ts";
import { type DemoDeployment, readDeployments } from "./deployments-client.ts";
import { ALIAS, MODEL, registerVersion, type VersionName } from "./models.ts";
import { startTraffic, type Traffic } from "./traffic.ts";

/** What the demo's policy says. */
export const TARGET = "churn-production";
export const NAMESPACE = "models";
export const WORKLOAD = "churn";

/** The running stack, as the stories see it. */
export interface SceneParts {
  mlflowUrl: string;
  kubeconfig: string;
  webhookSecret: string;
  functionKey: string;
  appUrl: () => string;
  killApp: () => Promise<void>;
  startAppAgain: () => Promise<void>;
  /** Tells whoever follows. */
  say: (line: string) => void;
}

/** What a story acts with. */
export interface Scene extends SceneParts {
  client: MlflowClient;
  webhookId: string;
  /** Registers a version, moves the alias to it, and waits for the deployment's ending. */
  promote(name: VersionName): Promise<DemoDeployment>;
  /** The same without waiting; returns MLflow's version number. */
  startPromotion(name: VersionName): Promise<string>;
  waitForEnding(version: string): Promise<DemoDeployment>;
  /** Waits until the workload on the cluster is no longer as it was. */
  waitForChange(before: string | undefined): Promise<void>;
  deployments(): Promise<readonly DemoDeployment[]>;
  /** The workload as the API server has it; undefined: it is not there. */
  workloadVersion(): Promise<string | undefined>;
  traffic(): Promise<Traffic>;
  /** Takes the webhook away again: a real MLflow outlives this stack. */
  close(): Promise<void>;
}

const LOOK_MS = 200;
const LIMIT_MS = 75_000;

/** Opens the scene: the registered model, the webhook to the app. */
export async function openScene(parts: SceneParts): Promise<Scene> {
  const client = createMlflowClient({ url: parts.mlflowUrl });
  await client.createRegisteredModel(MODEL).catch((error: unknown) => {
    // A real server may know the model from an earlier run: its versions go on counting.
    if (!(error instanceof MlflowClientError) || !error.message.includes("RESOURCE_ALREADY_EXISTS")) throw error;
  });
  const webhookId = await client.createWebhook({
    name: "belay",
    url: `${parts.appUrl()}/api/webhooks/mlflow`,
    events: ["model_version_alias.created"],
    secret: parts.webhookSecret,
  });
  const config = new KubeConfig();
  config.loadFromString(parts.kubeconfig);
  const apps = config.makeApiClient(AppsV1Api);
  const deployments = () => readDeployments(parts.appUrl(), parts.functionKey, TARGET);
  const until = async <T>(what: string, look: () => Promise<T | undefined>): Promise<T> => {
    const deadline = Date.now() + LIMIT_MS;
    while (Date.now() < deadline) {
      // The app may be dead at the moment; that is what one of the stories is about.
      const found = await look().catch(() => undefined);
      if (found !== undefined) return found;
      await delay(LOOK_MS);
    }
    throw new Error(`${what} did not come within ${LIMIT_MS / 1000} s`);
  };
  const newestOf = async (version: string) => (await deployments()).find((one) => one.version === version);
  const startPromotion = async (name: VersionName) => {
    const version = await registerVersion(client, name);
    await client.setAlias(MODEL, ALIAS, version);
    return version;
  };
  const waitForEnding = (version: string) =>
    until(`The ending of version ${version}`, async () => {
      const found = await newestOf(version);
      return found?.endedAt === undefined ? undefined : found;
    });
  const workloadVersion = async () => {
    try {
      return (await apps.readNamespacedDeployment({ namespace: NAMESPACE, name: WORKLOAD })).metadata?.resourceVersion;
    } catch (error) {
      if (error instanceof ApiException && error.code === 404) return undefined;
      throw error;
    }
  };
  return {
    ...parts,
    client,
    webhookId,
    deployments,
    startPromotion,
    waitForEnding,
    promote: async (name) => waitForEnding(await startPromotion(name)),
    waitForChange: async (before) => {
      await until("A change of the workload", async () => ((await workloadVersion()) === before ? undefined : true));
    },
    workloadVersion,
    traffic: () => startTraffic(parts.kubeconfig, NAMESPACE, WORKLOAD),
    close: () => client.deleteWebhook(webhookId),
  };
}
