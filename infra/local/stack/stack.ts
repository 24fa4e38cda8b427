import { randomBytes } from "node:crypto";
import { access, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type AppProcess, startApp } from "./app-process.ts";
import { type StandIns, type StandInsOptions, startStandIns } from "./stand-ins.ts";

export interface StackOptions extends Omit<StandInsOptions, "queuesFile"> {
  /** The delivery policy of the app. */
  policyFile: string;
  /** The built app; `dist/` when left out. */
  appDirectory?: string;
  /** `infra/queues.json` when left out. */
  queuesFile?: string;
  /** Settings of the app in place of those that lead straight to the stand-ins. */
  settings?: (standIns: StandIns) => Promise<Readonly<Record<string, string>>>;
  /** Every line the app's host prints. */
  onLine?: (line: string) => void;
}

/** The embedded stack: the stand-ins in this process, the app in another. */
export interface Stack {
  readonly standIns: StandIns;
  /** Every setting of the app. */
  readonly environment: Readonly<Record<string, string>>;
  readonly kubeconfig: string;
  readonly webhookSecret: string;
  readonly functionKey: string;
  readonly mlflowUrl: string;
  appUrl(): string;
  appPid(): number;
  /** Resolves when the app that runs now has ended. */
  appEnded(): Promise<void>;
  killApp(): Promise<void>;
  /** On the same port, as a deploy would. */
  startAppAgain(): Promise<void>;
  close(): Promise<void>;
}

const ROOT = resolve(import.meta.dirname, "../../..");
const APP = join(ROOT, "dist");
const QUEUES = join(ROOT, "infra/queues.json");

/** Starts everything; what was started is stopped again when a part refuses. */
export async function startStack({
  policyFile,
  appDirectory = APP,
  queuesFile = QUEUES,
  settings = async () => ({}),
  onLine,
  ...options
}: StackOptions): Promise<Stack> {
  await access(join(appDirectory, "index.js")).catch(() => {
    throw new Error("The app is not built: run `npm run build` first.");
  });
  const standIns = await startStandIns({ ...options, queuesFile });
  const webhookSecret = randomBytes(24).toString("base64url");
  const functionKey = randomBytes(16).toString("base64url");
  const environment: Record<string, string> = {
    ...standIns.environment,
    MLFLOW_WEBHOOK_SECRET: webhookSecret,
    DELIVERY_POLICY: policyFile,
    LOCAL_FUNCTION_KEYS: functionKey,
    LOCAL_MASTER_KEY: functionKey,
  };
  const start = (port: number) =>
    startApp({ appDirectory, environment, port, ...(onLine === undefined ? {} : { onLine }) });
  let app: AppProcess;
  try {
    Object.assign(environment, await settings(standIns));
    app = await start(0);
  } catch (error) {
    await standIns.close();
    throw error;
  }
  return {
    standIns,
    environment,
    kubeconfig: await readFile(standIns.kubeconfigFile, "utf8"),
    webhookSecret,
    functionKey,
    mlflowUrl: standIns.environment["MLFLOW_TRACKING_URI"] ?? "",
    appUrl: () => app.url,
    appPid: () => app.pid,
    appEnded: () => app.ended,
    killApp: () => app.kill(),
    startAppAgain: async () => {
      app = await start(Number(new URL(app.url).port));
    },
    close: async () => {
      await app.stop();
      await standIns.close();
    },
  };
}
