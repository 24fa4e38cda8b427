import * as z from "zod";
import { sha256 } from "../domain/digest.ts";
import { PermanentError } from "../domain/errors.ts";
import { identityKey, type ModelVersion } from "../domain/model.ts";
import type { TargetPolicy } from "../domain/policy.ts";
import type { Promotion } from "../domain/promotion.ts";
import { reconcile, retryOnceMore } from "../domain/reconcile.ts";
import { newTarget, type Target } from "../domain/target.ts";
import type { Clock } from "../ports/clock.ts";
import type { DeploymentStore } from "../ports/deployment-store.ts";
import type { MessageBus } from "../ports/message-bus.ts";
import type { ListedModel, ModelRegistry } from "../ports/model-registry.ts";
import type { Log } from "../ports/telemetry.ts";
import { agreesAtAGlance } from "./listed-pointer.ts";

export interface ReconcileDependencies {
  store: DeploymentStore;
  bus: MessageBus;
  registry: ModelRegistry;
  policies: readonly TargetPolicy[];
  clock: Clock;
  log: Log;
}

/** What one tick came to. */
export interface ReconcileReport {
  /** Targets that were compared. */
  compared: number;
  /** Promotions that were sent. */
  asked: number;
  /** Targets that could not be compared; the next tick looks again. */
  failed: number;
  /** False: the time was up; the next tick goes on from there. */
  complete: boolean;
}

/** How a target is compared: as on every tick, or as once a day. */
export type Judge = typeof reconcile;

/** One tick ends after this, well within `functionTimeout`. */
const TICK_MS = 120_000;
/** One target's calls end after this. */
const TARGET_MS = 30_000;
const NOTE = "reconcile";
const place = z.object({ page: z.string().exactOptional() });

interface Tick {
  report: ReconcileReport;
  judge: Judge;
  seen: Set<string>;
  endsAt: number;
}

/**
 * Compares what the registry says with what every target wants, and sends one promotion for each difference. A page of
 * models at a time; what a tick does not come to, the next one does. Never throws for the registry or for one target.
 */
export function createReconcile(dependencies: ReconcileDependencies): () => Promise<ReconcileReport> {
  return () => runTick(dependencies, reconcile);
}

/** The same once a day, when an ending of kind errored is tried once more however often it was tried. */
export function createDailyRetry(dependencies: ReconcileDependencies): () => Promise<ReconcileReport> {
  return () => runTick(dependencies, retryOnceMore);
}

async function runTick(dependencies: ReconcileDependencies, judge: Judge): Promise<ReconcileReport> {
  const { clock, log } = dependencies;
  const report = { compared: 0, asked: 0, failed: 0, complete: false };
  const tick: Tick = { report, judge, seen: new Set(), endsAt: clock.now() + TICK_MS };
  try {
    report.complete = await walk(dependencies, tick);
  } catch (error) {
    log("warn", "reconcile.failed", { reason: error instanceof Error ? error.message : "unknown" });
  }
  if (report.asked > 0 || report.failed > 0) log("info", "reconcile.done", { ...report });
  return report;
}

/** False: the time was up before the end. */
async function walk(dependencies: ReconcileDependencies, tick: Tick): Promise<boolean> {
  const { store, registry, clock, policies } = dependencies;
  const note = await store.readNote(NOTE);
  let page = place.safeParse(note?.value).data?.page;
  do {
    const { models, next } = await registry.listModels(page, clock.timeout(TARGET_MS)).catch(async (error: unknown) => {
      // A place that the registry no longer takes must not end every tick.
      if (error instanceof PermanentError && page !== undefined) await store.saveNote(NOTE, {}, note?.etag);
      throw error;
    });
    await comparePage(dependencies, tick, models);
    page = next;
    if (page !== undefined && clock.now() > tick.endsAt) {
      await store.saveNote(NOTE, { page }, note?.etag);
      return false;
    }
  } while (page !== undefined);
  if (place.safeParse(note?.value).data?.page !== undefined) await store.saveNote(NOTE, {}, note?.etag);
  // What no page has listed: the model is gone, or was never there.
  for (const policy of policies) if (!tick.seen.has(policy.model)) await compare(dependencies, tick, policy, undefined);
  return true;
}

async function comparePage(
  dependencies: ReconcileDependencies,
  tick: Tick,
  models: readonly ListedModel[],
): Promise<void> {
  const listed = new Map(models.map((model) => [model.name, model]));
  for (const policy of dependencies.policies) {
    const model = listed.get(policy.model);
    if (model === undefined) continue;
    tick.seen.add(policy.model);
    await compare(dependencies, tick, policy, model);
  }
}

/** One target's trouble holds up no other. */
async function compare(
  dependencies: ReconcileDependencies,
  { report, judge }: Tick,
  policy: TargetPolicy,
  listed: ListedModel | undefined,
): Promise<void> {
  report.compared += 1;
  try {
    if (await compareTarget(dependencies, judge, policy, listed)) report.asked += 1;
  } catch (error) {
    report.failed += 1;
    const reason = error instanceof Error ? error.message : "unknown";
    dependencies.log("warn", "reconcile.failed", { target: policy.target, reason });
  }
}

/** Reads the target, then the registry; true: a promotion was sent. */
async function compareTarget(
  dependencies: ReconcileDependencies,
  judge: Judge,
  policy: TargetPolicy,
  listed: ListedModel | undefined,
): Promise<boolean> {
  const { store, registry, clock } = dependencies;
  const { now, record } = await store.readTarget(policy.target);
  const target = record?.value ?? newTarget(policy.target);
  const generation = target.wanted?.generation;
  const wanted = generation === undefined ? undefined : (await store.readDeployment(target.name, generation))?.value;
  if (listed !== undefined && agreesAtAGlance(listed, policy.pointer, target, wanted)) return false;
  const found = await registry.resolve(policy.model, policy.pointer, clock.timeout(TARGET_MS));
  const verdict = judge({ policy, target, wanted, found }, now);
  if (verdict.kind !== "ask") return false;
  const wishedAt = verdict.origin.kind === "retry" && wanted !== undefined ? wanted.promotion.wishedAt : now;
  return ask(dependencies, policy, target, found, { origin: verdict.origin, wishedAt }, now);
}

/** The same question is asked again after this; the pause doubles, for its answer may be on its way. */
const FIRST_PAUSE_MS = 120_000;
const LARGEST_PAUSE_MS = 6 * 3_600_000;
const asked = z.object({ question: z.string(), times: z.int(), nextAt: z.number(), sent: z.int() });

/** State first, message second: what was asked is noted, so that a tick does not ask what the last one asked. */
async function ask(
  { store, bus, log }: ReconcileDependencies,
  policy: TargetPolicy,
  target: Target,
  found: ModelVersion | undefined,
  wish: Pick<Promotion, "origin" | "wishedAt">,
  now: number,
): Promise<boolean> {
  const question = sha256(
    [target.generation, found === undefined ? "nothing" : identityKey(found), JSON.stringify(wish.origin)].join("|"),
  ).slice(0, 24);
  const name = `${NOTE}:${policy.target}`;
  const note = await store.readNote(name);
  const known = asked.safeParse(note?.value).data;
  const before = known?.question === question ? known : { times: 0, nextAt: 0 };
  const sent = (known?.sent ?? 0) + 1;
  if (now < before.nextAt) return false;
  const times = before.times + 1;
  const nextAt = now + Math.min(FIRST_PAUSE_MS * 2 ** (times - 1), LARGEST_PAUSE_MS);
  if ((await store.saveNote(name, { question, times, nextAt, sent }, note?.etag)) === "conflict") return false;
  const id = `reconcile/${policy.target}/${question}`;
  const body: Promotion = {
    id,
    model: policy.model,
    pointer: policy.pointer,
    ...(found === undefined ? {} : { version: found.version }),
    target: policy.target,
    ...wish,
  };
  await bus.send([{ queue: "promotions", id: `${id}/${sent}`, body }]);
  const { origin } = wish;
  log("info", "reconcile.asked", { target: policy.target, version: found?.version, why: origin.kind, times });
  return true;
}
