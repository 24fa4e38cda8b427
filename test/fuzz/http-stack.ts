import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { TableClient } from "@azure/data-tables";
import { ServiceBusClient } from "@azure/service-bus";
import { buildApp } from "../../infra/local/build/build.ts";
import { createServiceBusBroker } from "../../infra/local/service-bus/broker.ts";
import { createTableServer } from "../../infra/local/tables/create-table-server.ts";
import queues from "../../infra/queues.json" with { type: "json" };
import { systemClock } from "../../shared/adapters/clock/system-clock.ts";
import { createTableStore, ensureTable } from "../../shared/adapters/tables/deployment-store.ts";
import { promotionMessage } from "../../shared/steps/messages.ts";
import { running } from "../domain/build.ts";
import { SETTINGS } from "../functions/settings.ts";
import type { HttpScene } from "./http-cases.ts";
import { type MeasuredHost, startMeasuredHost } from "./measured-host.ts";

const ROOT = resolve(import.meta.dirname, "../..");

export const SCENE: HttpScene = {
  secret: "a-secret-that-only-mlflow-knows",
  previousSecret: "the-secret-that-it-knew-before",
  functionKey: "a-function-key-of-the-fuzz",
  now: () => Math.floor(Date.now() / 1000),
  deployment: `churn.${running().generation}`,
  target: "churn",
  policyTarget: "churn-production",
};

export const SCENE_SETTINGS = {
  ...SETTINGS,
  MLFLOW_WEBHOOK_SECRET: SCENE.secret,
  MLFLOW_WEBHOOK_PREVIOUS_SECRETS: SCENE.previousSecret,
};

/** The built app in the local Functions host, with a bus and a table; what it sends stays on the bus. */
export interface HttpStack {
  readonly host: MeasuredHost;
  /** Takes everything off the queue `promotions`. */
  held(): Promise<readonly { id: string; version: string }[]>;
  close(): Promise<void>;
}

export async function startHttpStack(): Promise<HttpStack> {
  const undo: (() => unknown)[] = [];
  const close = async () => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    const directory = mkdtempSync(join(tmpdir(), "fuzzed-app-"));
    undo.push(() => rmSync(directory, { recursive: true, force: true }));
    await buildApp({ entry: join(import.meta.dirname, "http-app.ts"), outdir: directory, root: ROOT });
    const broker = createServiceBusBroker({ queues, sharedAccessKey: "c2VjcmV0" });
    await broker.listen();
    undo.push(() => broker.close());
    const tables = createTableServer();
    await tables.listen();
    undo.push(() => tables.close());
    await fill(tables.connectionString);
    const settings = {
      ...SCENE_SETTINGS,
      ServiceBusConnection: broker.connectionString,
      TablesConnection: tables.connectionString,
      LOCAL_FUNCTION_KEYS: SCENE.functionKey,
    };
    const host = await startMeasuredHost(directory, settings, [SCENE.secret, SCENE.previousSecret, SCENE.functionKey]);
    undo.push(() => host.kill());
    const held = () => drain(broker.connectionString, () => broker.inspect("promotions").active);
    return { host, held, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** One deployment, so that there is something to read. */
async function fill(connectionString: string): Promise<void> {
  const client = TableClient.fromConnectionString(connectionString, "deployments", { allowInsecureConnection: true });
  await ensureTable(client);
  const store = createTableStore(client, systemClock);
  await store.save({ target: SCENE.target, deployments: [{ value: running() }], visits: [] });
}

async function drain(connectionString: string, left: () => number) {
  const client = new ServiceBusClient(connectionString);
  const receiver = client.createReceiver("promotions", { receiveMode: "receiveAndDelete" });
  const held: { id: string; version: string }[] = [];
  while (left() > 0)
    for (const { messageId, body } of await receiver.receiveMessages(500, { maxWaitTimeInMs: 1_000 })) {
      const { id, version = "" } = promotionMessage.parse(body);
      if (id !== messageId) throw new Error(`The message ${messageId} is about ${id}.`);
      held.push({ id, version });
    }
  await client.close();
  return held;
}
