import fc from "fast-check";
import { accept } from "../../shared/domain/accept.ts";
import { advance, startWaiting } from "../../shared/domain/advance.ts";
import {
  type Deployment,
  hasBegun,
  hasEnded,
  type Running,
  type Waiting,
  type Work,
} from "../../shared/domain/deployment.ts";
import type { Outcome } from "../../shared/domain/outcome.ts";
import { newTarget, type Target } from "../../shared/domain/target.ts";
import { policyFor } from "../pipeline/manifests.ts";
import { found, model, NOW, promotion, RULES } from "./build.ts";

/** One thing that happens to a target. Times are milliseconds. */
export type Happening =
  | { kind: "wish"; version: string | undefined; policyId: string; signedBefore: number; after: number }
  | { kind: "visit"; result: keyof typeof FOUND; late: number }
  | { kind: "look" | "let go"; after: number };

/** What a target and its records are at one moment. */
export interface Moment {
  now: number;
  target: Target;
  records: ReadonlyMap<number, Deployment>;
}

/** One transaction: what was, what is, and which records it wrote. */
export interface Saved {
  happening: Happening;
  before: Moment;
  after: Moment;
  written: readonly Deployment[];
}

const FOUND = {
  success: found.success,
  running: found.running(30),
  failure: found.failure("unhealthy"),
  transient: found.transient(),
  permanent: found.permanent(),
  foreign: found.foreignChange,
} as const satisfies Record<string, Outcome>;

const wishes = fc.record({
  kind: fc.constant("wish" as const),
  version: fc.constantFrom("1", "2", "3", undefined),
  policyId: fc.constantFrom("policy", "policy", "other"),
  signedBefore: fc.constantFrom(0, 1, 60_000),
  after: fc.constantFrom(1, 500, 5_000),
});

/** Most visits succeed: else no history would come as far as a second stage. */
const visits = fc.record({
  kind: fc.constant("visit" as const),
  result: fc.oneof(
    { weight: 12, arbitrary: fc.constant("success" as const) },
    { weight: 3, arbitrary: fc.constantFrom("running" as const, "transient", "failure") },
    { weight: 1, arbitrary: fc.constantFrom("permanent" as const, "foreign") },
  ),
  late: fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom(0, 10_000) },
    { weight: 1, arbitrary: fc.constantFrom(700_000, 30 * 3_600_000) },
  ),
});

/** Histories in which wishes, visits, looks of the waiting one and persons who let go come in any order. */
export const histories: fc.Arbitrary<readonly Happening[]> = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: wishes },
    { weight: 12, arbitrary: visits },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constantFrom("look" as const, "let go"), after: fc.constantFrom(1, 60_000) }),
    },
  ),
  { minLength: 10, maxLength: 80, size: "max" },
);

/** Plays a history on one target with a strategy of two stages; every transaction it comes to, in order. */
export function play(happenings: readonly Happening[]): readonly Saved[] {
  let moment: Moment = { now: NOW, target: newTarget("churn"), records: new Map() };
  const saved: Saved[] = [];
  for (const happening of happenings) {
    const { after, written } = step(moment, happening);
    if (written.length > 0) saved.push({ happening, before: moment, after, written });
    moment = after;
  }
  return saved;
}

function step(moment: Moment, happening: Happening): { after: Moment; written: readonly Deployment[] } {
  switch (happening.kind) {
    case "wish":
      return wish({ ...moment, now: moment.now + happening.after }, happening);
    case "visit":
      return visit(moment, happening);
    case "look":
      return look({ ...moment, now: moment.now + happening.after });
    case "let go":
      return letGo({ ...moment, now: moment.now + happening.after });
  }
}

function write(moment: Moment, target: Target, written: readonly Deployment[]) {
  const records = new Map([...moment.records, ...written.map((one) => [one.generation, one] as const)]);
  return { after: { ...moment, target, records }, written };
}

function read({ records }: Moment, generation: number | undefined): Deployment | undefined {
  return generation === undefined ? undefined : records.get(generation);
}

function waitingOf(moment: Moment): Waiting | undefined {
  const record = read(moment, moment.target.waiting);
  return record?.phase === "Waiting" ? record : undefined;
}

function wish(moment: Moment, { version, policyId, signedBefore }: Extract<Happening, { kind: "wish" }>) {
  const { target, now } = moment;
  const decision = accept(
    {
      promotion: promotion({ wishedAt: now - signedBefore }),
      ...{ policy: policyFor(), policyId, target, found: version === undefined ? undefined : model(version) },
      wanted: read(moment, target.wanted?.generation),
      active: read(moment, target.active),
      waiting: read(moment, target.waiting),
    },
    now,
  );
  return decision.kind === "commit" ? write(moment, decision.target, decision.deployments) : write(moment, target, []);
}

function visit(moment: Moment, { result, late }: Extract<Happening, { kind: "visit" }>) {
  const running = read(moment, moment.target.active);
  if (running?.phase !== "Running") return write(moment, moment.target, []);
  const now = Math.max(moment.now, running.resumeAt) + late;
  const rules = { ...RULES, stages: 2 };
  const outcome = asHandler(running, FOUND[result]);
  const { deployment, target, started } = advance(running, moment.target, waitingOf(moment), outcome, rules, now);
  const written = started === undefined ? [deployment] : [deployment, started];
  return write({ ...moment, now }, target ?? moment.target, written);
}

/** What a step's handler would report: a rollout first announces that it begins, then applies, then watches. */
function asHandler(running: Running, outcome: Outcome): Outcome {
  if (outcome.result !== "succeeded") return outcome;
  if (running.step === "build") return { ...outcome, work: { release: releaseOf(running) } };
  if (running.step !== "rollout" || running.work.rollout?.applied === true) return outcome;
  const work: Work = { rollout: { begun: true, applied: hasBegun(running) } };
  return { result: "running", resumeAfterSeconds: 0, found: "on its way", work };
}

function releaseOf({ model: { version } }: Running) {
  return { id: `release-${version}`, image: `registry/churn@sha256:${version}` };
}

function look(moment: Moment) {
  const waiting = waitingOf(moment);
  const active = read(moment, moment.target.active);
  if (waiting === undefined || (active !== undefined && !hasEnded(active))) return write(moment, moment.target, []);
  const { deployment, target } = startWaiting(waiting, moment.target, moment.now);
  return write(moment, target, [deployment]);
}

function letGo(moment: Moment) {
  const { hold: _hold, ...target } = moment.target;
  return write(moment, target, []);
}
