import * as z from "zod";
import { deploymentId } from "../domain/deployment.ts";
import { type Seen, sweep } from "../domain/sweep.ts";
import type { Clock } from "../ports/clock.ts";
import type { DeploymentStore, Listed, OpenHint, Versioned } from "../ports/deployment-store.ts";
import type { MessageBus } from "../ports/message-bus.ts";
import type { Log } from "../ports/telemetry.ts";

export interface SweepDependencies {
  store: DeploymentStore;
  bus: MessageBus;
  clock: Clock;
  log: Log;
}

/** What one tick came to. */
export interface SweepReport {
  /** Hints that were looked at. */
  looked: number;
  /** Messages that were sent again. */
  sent: number;
  /** Hints of deployments of which nothing is owed any more. */
  settled: number;
  /** Hints that could not be looked at; the next tick does. */
  failed: number;
}

const PAGE = 100;
/** One tick ends after this, well within `functionTimeout`; the next one goes on from there. */
const TICK_MS = 90_000;
const NOTE = "sweep";
const listed = z.object({ target: z.string(), generation: z.number() });

/** Sends again what open deployments are owed when its time is long past, and ends the hints of settled ones. */
export function createSweep(dependencies: SweepDependencies): () => Promise<SweepReport> {
  const { store, clock, log } = dependencies;
  return async () => {
    const report: SweepReport = { looked: 0, sent: 0, settled: 0, failed: 0 };
    const endsAt = clock.now() + TICK_MS;
    const note = await store.readNote(NOTE);
    let place = placeIn(note?.value);
    do place = await sweepPage(dependencies, place, report);
    while (place !== undefined && clock.now() < endsAt);
    await keepPlace(store, note, place);
    if (report.sent + report.failed > 0) log("info", "sweep.done", { ...report });
    return report;
  };
}

/** The last hint of a full page; undefined: there are no more. */
async function sweepPage(
  dependencies: SweepDependencies,
  after: Listed | undefined,
  report: SweepReport,
): Promise<Listed | undefined> {
  const page = await dependencies.store.listOpen(PAGE, after);
  for (const hint of page) await sweepSafely(dependencies, hint, report);
  return page.length < PAGE ? undefined : page.at(-1)?.value;
}

/** After which hint the last tick ended; undefined: at the end. */
function placeIn(note: unknown): Listed | undefined {
  return listed.safeParse(note).data;
}

/** Written only where it changes: most ticks come to the end. */
async function keepPlace(store: DeploymentStore, note: Versioned<unknown> | undefined, place: Listed | undefined) {
  if (place === undefined && placeIn(note?.value) === undefined) return;
  const value = place === undefined ? {} : { target: place.target, generation: place.generation };
  await store.saveNote(NOTE, value, note?.etag);
}

/** One deployment's trouble holds up no other. */
async function sweepSafely(
  dependencies: SweepDependencies,
  hint: Versioned<OpenHint>,
  report: SweepReport,
): Promise<void> {
  report.looked += 1;
  try {
    await sweepOne(dependencies, hint, report);
  } catch (error) {
    report.failed += 1;
    const reason = error instanceof Error ? error.message : "unknown";
    dependencies.log("warn", "sweep.failed", { deployment: deploymentId(hint.value), reason });
  }
}

async function sweepOne(
  { store, bus, log }: SweepDependencies,
  { value: hint, etag }: Versioned<OpenHint>,
  report: SweepReport,
): Promise<void> {
  const { now, seen } = await look(store, hint);
  const decision = sweep(seen, now);
  const deployment = deploymentId(hint);
  switch (decision.kind) {
    case "leave":
      return;
    case "remove":
      if (decision.untold.length > 0) log("error", "sweep.given-up", { deployment, untold: decision.untold });
      report.settled += 1;
      return store.removeOpen(hint, etag);
    case "send": {
      // State first: another tick must not send the same under the same ids.
      if ((await store.saveOpen({ ...hint, ...decision.swept }, etag)) === "conflict") return;
      await bus.send(decision.messages);
      report.sent += decision.messages.length;
      log("warn", "sweep.sent", {
        deployment,
        times: decision.swept.times,
        ids: decision.messages.map(({ id }) => id),
      });
      return;
    }
    default:
      return decision satisfies never;
  }
}

async function look(store: DeploymentStore, hint: OpenHint): Promise<{ now: number; seen: Seen }> {
  // The target first: a record that is not there although the target is past its generation never will be.
  const { now, record } = await store.readTarget(hint.target);
  const deployment = (await store.readDeployment(hint.target, hint.generation))?.value;
  const active = record?.value.active;
  const { generation, createdAt, sequence, times, nextAt } = hint;
  return {
    now,
    seen: {
      generation,
      hintedAt: createdAt,
      swept: { sequence, times, nextAt },
      target: record?.value,
      deployment,
      active: active === undefined ? undefined : (await store.readDeployment(hint.target, active))?.value,
      done: deployment === undefined ? [] : await store.readDone(hint.target, hint.generation),
    },
  };
}
