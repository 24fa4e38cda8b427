import { appendFileSync, writeFileSync } from "node:fs";
import { createMlflowClient } from "../mlflow/client.ts";
import type { MlflowServer } from "../mlflow/server.ts";
import { type Stack, startStack } from "../stack/stack.ts";
import { type Front, openFront } from "./front.ts";
import { NAMESPACE, type Place, writePlace } from "./place.ts";
import { createRandom } from "./random.ts";
import { createTally, type Tally } from "./tally.ts";
import { createMover, type Mover } from "./wishes.ts";
import { type Witness, watchWorkloads } from "./witness.ts";

/** Everything that runs during a soak. */
export interface Field {
  place: Place;
  stack: Stack;
  mlflow: MlflowServer;
  front: Front;
  movers: readonly Mover[];
  witness: Witness;
  /** What the app told. */
  tally: Tally;
  /** Writes a line beside the app's own. */
  note(line: string): void;
  close(): Promise<void>;
}

export interface FieldOptions {
  targets: number;
  seed: number;
  appDirectory?: string;
  /** Gets every line of the app's host. */
  logFile?: string;
}

/** A tick of reconcile and sweep every other second; how long they wait before they act stays as it is. */
const SCHEDULES = { RECONCILE_SCHEDULE: "*/2 * * * * *", SWEEP_SCHEDULE: "1-59/2 * * * * *" };
/** Of a hundred events MLflow forgets so many, as when it is restarted. */
const LOST_PERCENT = 5;

/** Starts everything; what was started is stopped again when a part refuses. */
export async function openField(options: FieldOptions): Promise<Field> {
  const closers: (() => unknown)[] = [];
  const close = async () => {
    for (const stop of closers.splice(0).reverse()) await stop();
  };
  try {
    return { ...(await open(options, (stop) => closers.push(stop))), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function open(
  { targets, seed, appDirectory, logFile }: FieldOptions,
  onClose: (stop: () => unknown) => void,
): Promise<Omit<Field, "close">> {
  const place = await writePlace(targets);
  onClose(place.remove);
  const tally = createTally();
  if (logFile !== undefined) writeFileSync(logFile, "");
  const note = (line: string) => {
    if (logFile !== undefined) appendFileSync(logFile, `${line}\n`);
  };
  const fronts: Front[] = [];
  onClose(() => Promise.all(fronts.map((front) => front.close())));
  const stack = await startStack({
    ...{ policyFile: place.policyFile, queuesFile: place.queuesFile, namespace: NAMESPACE },
    ...(appDirectory === undefined ? {} : { appDirectory }),
    onLine: (line) => {
      tally.read(line);
      note(line);
    },
    settings: async (standIns) => {
      const front = await openFront(standIns, seed);
      fronts.push(front);
      return { ...front.settings, ...SCHEDULES };
    },
  });
  onClose(() => stack.close());
  const [front] = fronts;
  const { mlflow } = stack.standIns;
  if (front === undefined || mlflow === undefined) throw new Error("The stack came up without a front or an MLflow.");
  const witness = await watchWorkloads(stack.kubeconfig, NAMESPACE);
  onClose(() => witness.stop());
  const movers = await openRegistry(stack, mlflow, place.targets, seed);
  return { place, stack, mlflow, front, movers, witness, tally, note };
}

/** The registered models, and the webhook to the app, of which some deliveries are lost. */
async function openRegistry(
  stack: Stack,
  mlflow: MlflowServer,
  models: readonly string[],
  seed: number,
): Promise<readonly Mover[]> {
  const client = createMlflowClient({ url: mlflow.url });
  for (const model of models) await client.createRegisteredModel(model);
  await client.createWebhook({
    name: "belay",
    url: `${stack.appUrl()}/api/webhooks/mlflow`,
    events: ["model_version_alias.created"],
    secret: stack.webhookSecret,
  });
  const random = createRandom(seed, "lost events");
  mlflow.control.lose(() => random.chance(LOST_PERCENT / 100));
  return models.map((model) => createMover({ client, model, random: createRandom(seed, model) }));
}
