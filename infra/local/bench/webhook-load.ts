import { join } from "node:path";
import { ALIAS, MODEL } from "../demo/models.ts";
import { startChild } from "./child.ts";
import { type LoadResult, sendLoad } from "./load.ts";
import type { Bench, Promotion } from "./promotion.ts";
import { quiet } from "./readings.ts";
import { formatRatio, type Row } from "./report.ts";
import { percentile } from "./statistics.ts";

/** How much is sent. */
export interface LoadSizes {
  /** Deliveries that nobody follows, and to the bare server. */
  ignored: number;
  /** Deliveries that go to the bus. */
  accepted: number;
}

const CONNECTIONS = 16;
/** A tenth more comes first and is not counted: code that is warm is what is compared. */
const WARM_UP = 0.1;
const BARE = join(import.meta.dirname, "bare-server.ts");
/** Of the stack's queues the one that nobody reads. */
const UNREAD_QUEUE = "poison";
const QUIET_MS = 1_500;
/** Every accepted repeat is looked at by the app before it is done. */
const DRAIN_MS = 90_000;

/** Acknowledgement of deliveries at 16 connections: the app against bare servers that verify the same signatures. */
export async function webhookRows(
  { stack, events }: Bench,
  wish: Promotion,
  sizes: LoadSizes,
): Promise<readonly Row[]> {
  const app = `${stack.appUrl()}/api/webhooks/mlflow`;
  const load = (url: string, data: Readonly<Record<string, string>>, signedAt: number, requests: number) =>
    measure({ url, data, signedAt, requests, connections: CONNECTIONS, secret: stack.webhookSecret });
  const nobody = { name: "nobody-follows-this", alias: ALIAS, version: "1" };
  const ignored = await load(app, nobody, Date.now(), sizes.ignored);
  const bare = await withBareServer({ BARE_SECRET: stack.webhookSecret }, (url) =>
    load(url, nobody, Date.now(), sizes.ignored),
  );
  // Signed before that version's ending: the same wish again, and no new one.
  const followed = { name: MODEL, alias: ALIAS, version: wish.version };
  const repeatsFrom = Date.now();
  const accepted = await load(app, followed, wish.startedAt, sizes.accepted);
  await quiet(stack, QUIET_MS, DRAIN_MS);
  const started = events.since(repeatsFrom).filter(({ event }) => event.event === "promotion.accepted").length;
  const bus = stack.standIns.environment["ServiceBusConnection"] ?? "";
  const bareWithBus = await withBareServer(
    { BARE_SECRET: stack.webhookSecret, BARE_BUS: bus, BARE_QUEUE: UNREAD_QUEUE },
    (url) => load(url, nobody, Date.now(), sizes.accepted),
  );
  return [
    { what: "app, nobody follows the model", value: describe(ignored) },
    { what: "bare node:http, same verification", value: describe(bare) },
    { what: "  app / bare", value: ratios(ignored, bare) },
    { what: "app, followed: answered once the bus has it", value: describe(accepted) },
    { what: "  deployments that these repeats started", value: `${started}` },
    { what: "bare node:http, same verification, same bus", value: describe(bareWithBus) },
    { what: "  app / bare", value: ratios(accepted, bareWithBus) },
  ];
}

async function measure(order: Parameters<typeof sendLoad>[0]): Promise<LoadResult> {
  await sendLoad({ ...order, requests: Math.ceil(order.requests * WARM_UP) });
  return sendLoad(order);
}

async function withBareServer<T>(
  environment: Readonly<Record<string, string>>,
  use: (url: string) => Promise<T>,
): Promise<T> {
  const server = await startChild(BARE, [], environment);
  try {
    return await use(server.line);
  } finally {
    await server.stop();
  }
}

const rateOf = ({ latenciesMs, seconds }: LoadResult) => latenciesMs.length / seconds;

function describe(result: LoadResult): string {
  const { latenciesMs } = result;
  const [half, nearlyAll] = [percentile(latenciesMs, 0.5), percentile(latenciesMs, 0.99)];
  return `${Math.round(rateOf(result))} requests/s, p50 ${half.toFixed(1)} ms, p99 ${nearlyAll.toFixed(1)} ms`;
}

function ratios(app: LoadResult, bare: LoadResult): string {
  const at = (share: number) => formatRatio(percentile(app.latenciesMs, share), percentile(bare.latenciesMs, share));
  return `requests/s ${formatRatio(rateOf(app), rateOf(bare))}, p50 ${at(0.5)}, p99 ${at(0.99)}`;
}
