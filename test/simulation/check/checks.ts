import { type Deployment, deploymentId, hasBegun, hasEnded } from "../../../shared/domain/deployment.ts";
import type { NotifierName, TargetPolicy } from "../../../shared/domain/policy.ts";
import type { Target } from "../../../shared/domain/target.ts";
import type { Notification } from "../../../shared/ports/notifier.ts";
import type { SimulatedCluster } from "../cluster/simulated-cluster.ts";
import type { WorldFault } from "../kernel/faults.ts";
import type { Scheduler } from "../kernel/scheduler.ts";
import type { Workers } from "../kernel/workers.ts";
import type { Plan } from "../plan.ts";
import type { SimulatedBuilds } from "../world/build-service.ts";
import type { SimulatedBus } from "../world/bus.ts";
import { type SimulatedRegistry, WEBHOOK_SECRET } from "../world/models.ts";
import type { RowChange, SimulatedTable } from "../world/table.ts";
import { watchBuilds } from "./build-checks.ts";
import { watchCluster } from "./cluster-checks.ts";
import { findLeftovers, judgeRest } from "./end-checks.ts";
import { watchMessages } from "./message-checks.ts";
import { checkRecord } from "./record-checks.ts";
import { readRow, readTransaction, type Transaction } from "./records.ts";
import { checkTarget } from "./target-checks.ts";
import type { Verdict, Violation } from "./verdict.ts";

export interface Watched {
  plan: Plan;
  /** The policy as the workers read it now. */
  policies: readonly TargetPolicy[];
  workers: Workers;
  scheduler: Scheduler;
  table: SimulatedTable;
  bus: SimulatedBus;
  registry: SimulatedRegistry;
  builds: SimulatedBuilds;
  cluster: SimulatedCluster;
  say: (line: string) => void;
}

/** Everything a check may look at. */
export interface Evidence extends Watched {
  start: number;
  /** The target rows and records as they are now. */
  targets: Map<string, Target>;
  records: Map<string, Map<number, Deployment>>;
  /** When a target's row was written last, epoch milliseconds. */
  written: Map<string, number>;
  /** What happened to a target that may make a good version look bad. */
  excuses: Map<string, Set<WorldFault>>;
  /** When an image was locked, and looked for, last, by visit and image. */
  locked: Map<string, number>;
  lookedFor: Map<string, number>;
  /** Task runs with their sources that some save has named. */
  named: Set<string>;
  /** Digests that somebody deleted. */
  imagesLost: Set<string>;
  /** Errored visits by deployment and step. */
  errors: Map<string, number>;
  /** The save by which a deployment was turned back. */
  turned: Map<string, number>;
  /** Deployments whose messages a person's command owed that died: the sweep sends them. */
  cut: Set<string>;
  /** Deployments whose first save took effect after whoever made it was told that it had failed. */
  late: Set<string>;
  /** Steps that have gone on past their deadline once. */
  overdue: Set<string>;
  /** Policies by id. */
  policyById: Map<string, TargetPolicy>;
  /** Ids of notifications by ending and notifier. */
  told: Map<string, readonly string[]>;
  /** Whether everything that will be asked for has been. */
  complete: boolean;
  fail: (invariant: string, what: string) => void;
}

export type Checks = ReturnType<typeof createChecks>;

/** Checks what always holds after everything that happens, and judges the rest. */
export function createChecks(watched: Watched) {
  const { scheduler, table, bus, say } = watched;
  const start = scheduler.now();
  let violation: Violation | undefined;
  let recovered = 0;
  const evidence: Evidence = {
    ...watched,
    start,
    targets: new Map(),
    records: new Map(),
    written: new Map(),
    excuses: new Map(),
    told: new Map(),
    locked: new Map(),
    lookedFor: new Map(),
    named: new Set(),
    imagesLost: new Set(),
    errors: new Map(),
    turned: new Map(),
    cut: new Set(),
    late: new Set(),
    overdue: new Set(),
    complete: false,
    policyById: new Map(),
    fail: (invariant, what) => {
      say(`VIOLATION ${invariant}: ${what}`);
      violation ??= { invariant, what, at: scheduler.now() - start };
    },
  };
  const { fail } = evidence;

  // What has happened on the cluster by then comes before what is written.
  const cluster = watchCluster(evidence);
  table.onWrite((changes) => {
    for (const { partition, row, before, after, etag } of changes) {
      if (before !== undefined && (etag === undefined || etag === "*") && !row.startsWith("release:"))
        fail("I9", `${partition} ${row} was written without the ETag that was read`);
      if (Number(before?.["schema"] ?? 0) > Number(after?.["schema"] ?? 9))
        fail("I9", `${partition} ${row} was written by a build that does not know its schema`);
      if (after !== undefined && Object.values(after).some(holdsSecret))
        fail("I11", `${partition} ${row} holds a secret`);
    }
    for (const change of changes) if (change.after === undefined) checkDeleted(evidence, change);
    const transaction = readTransaction(changes);
    if (transaction !== undefined) apply(evidence, transaction);
  });
  watchMessages(evidence);

  return {
    watchBuilds: (builds: SimulatedBuilds) => watchBuilds(evidence, builds),
    imageLost: (digest: string) => void evidence.imagesLost.add(digest),
    commandCut: (target: string) => {
      for (const record of evidence.records.get(target)?.values() ?? []) evidence.cut.add(deploymentId(record));
    },
    broken: () => violation !== undefined,
    excuse: (target: string, why: WorldFault) => {
      const known = evidence.excuses.get(target) ?? new Set();
      evidence.excuses.set(target, known.add(why));
    },
    acknowledged: (id: string) => {
      if (!bus.took("promotions", id)) fail("I7", `delivery ${id} was acknowledged, and the bus does not have it`);
    },
    told: (notifier: NotifierName, notification: Notification) => {
      say(`${notifier} is told: ${notification.title}`);
      if (JSON.stringify(notification).includes(WEBHOOK_SECRET)) fail("I11", "a notification holds a secret");
      const key = `${notification.deployment}|${notifier}`;
      evidence.told.set(key, [...(evidence.told.get(key) ?? []), notification.id]);
    },
    logged: (event: string, fields: Readonly<Record<string, unknown>>) => {
      if (event === "sweep.sent" || event === "step.rescheduled" || event === "promotion.repeated") recovered += 1;
      const text = JSON.stringify(fields);
      if (text.includes(WEBHOOK_SECRET)) fail("I11", `the log event ${event} holds a secret`);
      say(`   ${event} ${text.slice(0, 240)}`);
    },
    /** From here on nothing new is asked for: whatever is replayed is a repeat. */
    nothingMoreIsAsked: () => {
      evidence.complete = true;
    },
    /** Whether nothing is left to happen but timers. */
    atRest: (busy: boolean) => !busy && isSettled(evidence),
    judgeEnd: (busy: boolean) => {
      cluster.check();
      if (violation === undefined) judgeRest(evidence, busy || !isSettled(evidence));
    },
    verdict: (): Verdict => {
      const all = [...evidence.records.values()].flatMap((records) => [...records.values()]);
      const endings: Record<string, number> = {};
      for (const { phase } of all) endings[phase] = (endings[phase] ?? 0) + 1;
      return { violation, endings, asked: all.length, done: all.filter(hasEnded).length, recovered };
    },
  };
}

/** Whoever is open stays among those that a sweep finds, and what stable is stays where a rollback finds it. */
function checkDeleted({ records, targets, fail }: Evidence, { partition, row, before }: RowChange): void {
  const { stable } = targets.get(partition) ?? {};
  if (stable !== undefined && row === `release:${stable.releaseId}`)
    fail("I4", `the bundle of ${partition}'s stable release was deleted`);
  const hint = partition === "open" ? readRow<{ target: string; generation: number }>(before) : undefined;
  const record = hint === undefined ? undefined : records.get(hint.target)?.get(hint.generation);
  if (record !== undefined && !hasEnded(record))
    fail("I1", `the hint of ${deploymentId(record)} was deleted, and it is open`);
}

const holdsSecret = (value: unknown): boolean => typeof value === "string" && value.includes(WEBHOOK_SECRET);

function apply(evidence: Evidence, transaction: Transaction): void {
  const { target, record, deployments } = transaction;
  const { targets, records, written, scheduler, say } = evidence;
  const known = records.get(target) ?? new Map<number, Deployment>();
  records.set(target, known);
  for (const { before, after } of deployments) {
    say(`   saved ${deploymentId(after)}/${after.sequence}: ${describe(after)}`);
    // That it is refused is written down, where it never was taken before.
    if (evidence.complete && before === undefined && after.phase !== "Rejected")
      evidence.fail("I7", `${deploymentId(after)} was made by a replay, and nobody has asked for anything`);
    if (before === undefined && evidence.workers.currentId() === undefined) evidence.late.add(deploymentId(after));
    checkRecord(evidence, transaction, before, after);
    const { taskRun, sourcePath } = after.work.build ?? {};
    if (taskRun !== undefined) evidence.named.add(`${taskRun}|${sourcePath}`);
    known.set(after.generation, after);
  }
  if (record !== undefined) {
    checkTarget(evidence, transaction, record.before, record.after);
    targets.set(target, record.after);
    written.set(target, scheduler.now());
  }
  const running = [...known.values()].filter(({ phase }) => phase === "Running");
  if (running.length > 1) evidence.fail("I2", `${running.map(deploymentId).join(" and ")} are under way at once`);
}

function describe(record: Deployment): string {
  const model = `version ${record.model.version}`;
  if (record.phase === "Running") return `${model} in ${record.step}${hasBegun(record) ? ", begun" : ""}`;
  if (record.phase === "Waiting") return `${model} waits`;
  return record.phase === "Succeeded" ? `${model} Succeeded` : `${model} ${record.phase}: ${record.problem.message}`;
}

/** No message, no open record, no hint, and the registry has what it says. */
function isSettled(evidence: Evidence): boolean {
  const { bus, table, records, registry, targets, plan, scheduler } = evidence;
  if (bus.open().length > 0 || table.rows("open").length > 0) return false;
  for (const known of records.values()) for (const record of known.values()) if (!hasEnded(record)) return false;
  // What a worker made that woke too late is found by the next daily check.
  if (findLeftovers(evidence).length > 0 && scheduler.now() < lastEnding(records) + 2 * 24 * 3_600_000) return false;
  return plan.policies.every((policy) => {
    const wanted = targets.get(policy.target)?.wanted;
    const record = records.get(policy.target)?.get(wanted?.generation ?? -1);
    const pointed = registry.pointed();
    if (pointed === undefined)
      return wanted === undefined || policy.missing === "ignore" || wanted.model.version === "none";
    if (wanted?.model.version !== pointed || record === undefined || !hasEnded(record)) return false;
    return !mayComeAgain(record, targets.get(policy.target), scheduler.now());
  });
}

function lastEnding(records: Evidence["records"]): number {
  const all = [...records.values()].flatMap((known) => [...known.values()]);
  return Math.max(0, ...all.map((record) => (hasEnded(record) ? record.endedAt : 0)));
}

/** An ending that the reconciler will try again; from its eighth time on only the daily check does, day after day. */
function mayComeAgain(record: Deployment, target: Target | undefined, now: number): boolean {
  const { origin } = record.promotion;
  if (origin.kind === "retry" && origin.attempt >= 8) return false;
  if (!hasEnded(record) || record.phase === "Succeeded" || target?.hold !== undefined) return false;
  const { kind, code } = record.cause ?? record.problem;
  const again = kind === "errored" || ["held", "pointer-moved", "version-missing"].includes(code);
  return again && now < record.endedAt + 3 * 24 * 3_600_000;
}
