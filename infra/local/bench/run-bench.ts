import { MODEL } from "../demo/models.ts";
import { aborted, DEMO_POLICY } from "../demo/run-demo.ts";
import { NAMESPACE, TARGET } from "../demo/scene.ts";
import { createMlflowClient } from "../mlflow/client.ts";
import { type Stack, startStack } from "../stack/stack.ts";
import { costRows, overheadOf, timeRows } from "./deployment-rows.ts";
import { createEventLog } from "./event-log.ts";
import { loadingRows } from "./loading.ts";
import { residentMemory } from "./memory.ts";
import { watchPods } from "./pod-times.ts";
import { readProbeInterval } from "./probe-intervals.ts";
import { type Bench, type Promotion, promote } from "./promotion.ts";
import { formatSeconds, formatSection, type Row } from "./report.ts";
import { median } from "./statistics.ts";
import { type LoadSizes, webhookRows } from "./webhook-load.ts";

export interface BenchOptions {
  /** Few repetitions. */
  short: boolean;
  /** Where calls and seconds went. */
  verbose: boolean;
  print: (line: string) => void;
  /** Breaks the run off; the stack is stopped all the same. */
  signal: AbortSignal;
}

/** How often and how much, by the length of the run. */
interface Sizes extends LoadSizes {
  promotions: number;
  loads: number;
}
const SHORT: Sizes = { promotions: 1, loads: 3, ignored: 3_000, accepted: 300 };
const FULL: Sizes = { promotions: 5, loads: 11, ignored: 20_000, accepted: 1_500 };

/** Measures the built app on the embedded stack; true unless something could not be measured. Nothing is asserted on time. */
export async function runBench({ short, verbose, print, signal }: BenchOptions): Promise<boolean> {
  const sizes = short ? SHORT : FULL;
  let measured = true;
  const section = async (title: string, measure: () => Promise<readonly Row[]>) => {
    try {
      const rows = await Promise.race([measure(), aborted(signal)]);
      for (const line of formatSection(title, rows, verbose)) print(line);
    } catch (error) {
      signal.throwIfAborted();
      measured = false;
      print(`${title}\n  could not be measured: ${error instanceof Error ? error.message : String(error)}\n`);
    }
  };
  const startedAt = performance.now();
  const events = createEventLog();
  const stack = await startStack({ policyFile: DEMO_POLICY, namespace: NAMESPACE, onLine: events.read });
  const upMs = performance.now() - startedAt;
  try {
    const atStart = await readMemory(stack);
    const bench = await openBench(stack, events);
    try {
      await section("Memory and start", () => memoryRows(stack, bench, upMs, atStart));
      const promotions: Promotion[] = [];
      await section("One deployment: a second version replaces the first, no traffic", async () => {
        promotions.push(...(await promoteInTurn(bench, sizes.promotions)));
        return costRows(lastOf(promotions));
      });
      await section("Promotion to live", async () => livenessRows(promotions));
      await section("Acknowledgement of a delivery, 16 connections", () =>
        webhookRows(bench, lastOf(promotions), sizes),
      );
    } finally {
      bench.pods.stop();
    }
  } finally {
    await stack.close();
  }
  await section(`Loading the app until its webhook has answered, median of ${sizes.loads} fresh processes`, () =>
    loadingRows(settingsOf(stack), stack.webhookSecret, sizes.loads),
  );
  print(`Measured in ${formatSeconds(performance.now() - startedAt)}.`);
  return measured;
}

/** The registered model with a webhook to the app, and what watches. */
async function openBench(stack: Stack, events: Bench["events"]): Promise<Bench> {
  const client = createMlflowClient({ url: stack.mlflowUrl });
  await client.createRegisteredModel(MODEL);
  await client.createWebhook({
    name: "belay",
    url: `${stack.appUrl()}/api/webhooks/mlflow`,
    events: ["model_version_alias.created", "model_version_tag.set", "model_version.created"],
    secret: stack.webhookSecret,
  });
  const [pods, probeIntervalMs] = await Promise.all([
    watchPods(stack.kubeconfig, NAMESPACE),
    readProbeInterval(DEMO_POLICY, TARGET),
  ]);
  return { stack, client, events, pods, probeIntervalMs };
}

interface Memory {
  app: number;
  standIns: number;
}

async function readMemory(stack: Stack): Promise<Memory> {
  return { app: await residentMemory(stack.appPid()), standIns: await residentMemory(process.pid) };
}

/** Plays the first deployment, after which every SDK is loaded. */
async function memoryRows(stack: Stack, bench: Bench, upMs: number, atStart: Memory): Promise<readonly Row[]> {
  await promote(bench, "good");
  const loaded = await readMemory(stack);
  return [
    { what: "until everything is up", value: `${formatSeconds(upMs)} (aim <= 5 s)` },
    { what: "app after start", value: `${atStart.app} MiB` },
    { what: "stand-ins after start", value: `${atStart.standIns} MiB` },
    { what: "  both", value: `${atStart.app + atStart.standIns} MiB (aim <= 400)` },
    { what: "app after the first deployment", value: `${loaded.app} MiB` },
    { what: "stand-ins after it", value: `${loaded.standIns} MiB` },
  ];
}

/** Each replaces the one before; equal versions are built anew, because every version is a model of its own. */
async function promoteInTurn(bench: Bench, times: number): Promise<readonly Promotion[]> {
  const promotions: Promotion[] = [];
  for (let turn = 0; turn < times; turn++) promotions.push(await promote(bench, turn % 2 === 0 ? "better" : "good"));
  return promotions;
}

function lastOf(promotions: readonly Promotion[]): Promotion {
  const last = promotions.at(-1);
  if (last === undefined) throw new Error("no deployment ended well");
  return last;
}

/** The promotion whose overhead is the median, and how far the others were. */
function livenessRows(promotions: readonly Promotion[]): readonly Row[] {
  const last = lastOf(promotions);
  const middle = median(promotions.map(overheadOf));
  const shown = promotions.find((one) => overheadOf(one) === middle) ?? last;
  const all = promotions.map((one) => formatSeconds(overheadOf(one))).join(", ");
  return [...timeRows(shown), { what: "  of each promotion", value: all }];
}

/** The app's settings without the certificate's file, which went with the stack. */
function settingsOf(stack: Stack): Readonly<Record<string, string>> {
  const { NODE_EXTRA_CA_CERTS: _gone, ...settings } = stack.standIns.environment;
  return { ...settings, MLFLOW_WEBHOOK_SECRET: stack.webhookSecret, DELIVERY_POLICY: DEMO_POLICY };
}
