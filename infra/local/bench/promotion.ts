import { ALIAS, MODEL, registerVersion, type VersionName } from "../demo/models.ts";
import { TARGET } from "../demo/scene.ts";
import type { MlflowClient } from "../mlflow/client.ts";
import type { Stack } from "../stack/stack.ts";
import type { EventLog, Seen } from "./event-log.ts";
import type { PodTimes } from "./pod-times.ts";
import { fire, quiet, type Readings, readCounters } from "./readings.ts";

/** Everything a promotion is measured with. */
export interface Bench {
  stack: Stack;
  client: MlflowClient;
  events: EventLog;
  pods: PodTimes;
  /** Milliseconds between two health looks. */
  probeIntervalMs: number;
}

/** One promotion from the moved alias to its ending, in milliseconds and counters. */
export interface Promotion {
  version: string;
  startedAt: number;
  totalMs: number;
  buildMs: number;
  podsMs: number;
  probesMs: number;
  before: Readings;
  after: Readings;
  /** What the app told, in order. */
  events: readonly Seen[];
}

const ENDING_MS = 60_000;
const QUIET_MS = 600;
const SETTLE_MS = 20_000;

/** Registers a version, moves the alias to it, and follows it until it is live and nothing is under way any more. */
export async function promote(
  { stack, client, events, pods, probeIntervalMs }: Bench,
  name: VersionName,
): Promise<Promotion> {
  await quiet(stack, QUIET_MS, SETTLE_MS);
  const before = await readCounters(stack);
  const version = await registerVersion(client, name);
  const ending = events.next(
    `The ending of version ${version}`,
    ({ event, version: ended }) => event === "deployment.ended" && ended === version,
    ENDING_MS,
  );
  const startedAt = Date.now();
  const [ended] = await Promise.all([ending, client.setAlias(MODEL, ALIAS, version)]);
  if (ended.event["phase"] !== "Succeeded")
    throw new Error(`Version ${version} ended ${ended.event["phase"]}: ${ended.event["why"]}`);
  await quiet(stack, QUIET_MS, SETTLE_MS);
  const told = events.since(startedAt);
  await lookForStragglers(stack, told);
  return {
    version,
    startedAt,
    totalMs: ended.at - startedAt,
    buildMs: buildTime(stack, startedAt),
    podsMs: pods.rolloutSince(startedAt),
    probesMs: probeTime(told, probeIntervalMs),
    before,
    after: await readCounters(stack),
    events: told,
  };
}

/** The look that follows 330 s after the ending is part of a deployment: it is made now. */
async function lookForStragglers(stack: Stack, told: readonly Seen[]): Promise<void> {
  const last = told.findLast(({ event }) => event.event === "step.visited" && event.target === TARGET)?.event;
  if (last === undefined) throw new Error("The app told of no visit.");
  const { generation, sequence } = last;
  await fire(stack, "rollback", { target: TARGET, generation, sequence, look: "prune" });
  await quiet(stack, QUIET_MS, SETTLE_MS);
}

/** What the looks at health and predictions took by themselves, and the policy's intervals between those at health. */
function probeTime(told: readonly Seen[], intervalMs: number): number {
  const looks = told.filter(({ event }) => event.event === "step.visited" && event.step === "verify");
  const atHealth = looks.filter(({ event }) => event.found?.startsWith("health look") === true).length;
  return looks.reduce((sum, { event }) => sum + (event.durationMs ?? 0), Math.max(0, atHealth - 1) * intervalMs);
}

/** From the run's creation to its end, by the builder's own record; none is no time. */
function buildTime(stack: Stack, since: number): number {
  const run = stack.standIns.builds().find(({ properties }) => Date.parse(properties.createTime) >= since);
  if (run?.properties.finishTime === undefined) return 0;
  return Date.parse(run.properties.finishTime) - Date.parse(run.properties.createTime);
}
