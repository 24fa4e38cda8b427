import { type Deployment, deploymentId, hasEnded } from "../domain/deployment.ts";
import type { Visit } from "../domain/visit.ts";
import type { DeploymentStore } from "../ports/deployment-store.ts";

/** A deployment as the `deployments` function answers it. Times are ISO 8601. */
export interface DeploymentView {
  id: string;
  target: string;
  model: string;
  version: string;
  phase: string;
  /** The step under way, where one is. */
  step?: string;
  kind?: string;
  code?: string;
  why?: string;
  remedy?: string;
  /** What led to the rollback, where the rollback failed for another reason. */
  cause?: string;
  evidence?: readonly string[];
  /** What the target serves, as far as Belay proved it. */
  serving?: { version: string; image: string };
  image?: string;
  gates?: readonly unknown[];
  createdAt: string;
  endedAt?: string;
  durationSeconds?: number;
  promotion: { id: string; wishedAt: string; origin: unknown };
  history?: readonly unknown[];
}

/** Days of lists that are looked through. */
const DAYS = 30;
/** As many are listed at once, at the most. */
export const MAX_LISTED = 100;
/** What a target may be called; nothing else is looked for. */
export const TARGET_NAME = /^[a-z][a-z0-9-]{0,63}$/;

/** Deployments, newest first: of one target, or of all. Errors: TransientError, PermanentError. */
export async function listDeployments(
  store: DeploymentStore,
  { target, limit, now }: { target?: string; limit: number; now: number },
): Promise<readonly DeploymentView[]> {
  if (target !== undefined) return (await store.listOfTarget(target, limit)).map((one) => toView(one));
  const hints = await store.listHints(DAYS, limit, now);
  const read = await Promise.all(hints.map((hint) => store.readDeployment(hint.target, hint.generation)));
  // A hint without a record is one whose accept never came to be.
  return read.flatMap((one) => (one === undefined ? [] : [toView(one.value)]));
}

/** One deployment with its history; undefined: there is none of that id. */
export async function readDeployment(store: DeploymentStore, id: string): Promise<DeploymentView | undefined> {
  const [, target = "", generation = ""] = /^(.*)\.(\d{1,12})$/.exec(id) ?? [];
  if (!TARGET_NAME.test(target)) return undefined;
  const read = await store.readDeployment(target, Number(generation));
  if (read === undefined) return undefined;
  return toView(read.value, await store.readVisits(target, Number(generation)));
}

function toView(deployment: Deployment, visits?: readonly Visit[]): DeploymentView {
  const { target, model, phase, createdAt, promotion, work } = deployment;
  return {
    id: deploymentId(deployment),
    target,
    model: model.name,
    version: model.version,
    phase,
    ...(deployment.phase === "Running" ? { step: deployment.step } : {}),
    ...endingOf(deployment),
    ...(work.release === undefined ? {} : { image: work.release.image }),
    ...(work.gates === undefined ? {} : { gates: work.gates }),
    createdAt: iso(createdAt),
    promotion: { id: promotion.id, wishedAt: iso(promotion.wishedAt), origin: promotion.origin },
    ...(visits === undefined ? {} : { history: visits.map(toEntry) }),
  };
}

function endingOf(deployment: Deployment): Partial<DeploymentView> {
  if (!hasEnded(deployment)) return {};
  const { endedAt, createdAt, serving } = deployment;
  return {
    endedAt: iso(endedAt),
    durationSeconds: Math.round((endedAt - createdAt) / 100) / 10,
    ...(serving === undefined ? {} : { serving: { version: serving.model.version, image: serving.image } }),
    ...whyOf(deployment),
  };
}

function whyOf(ended: Extract<Deployment, { endedAt: number }>): Partial<DeploymentView> {
  if (ended.phase === "Succeeded") return {};
  const { kind, code, message, remedy, evidence } = ended.problem;
  return {
    kind,
    code,
    why: message,
    remedy,
    ...(evidence === undefined ? {} : { evidence }),
    ...(ended.cause === undefined ? {} : { cause: ended.cause.message }),
  };
}

function toEntry({ sequence, step, at, durationMs, result, found, next }: Visit) {
  return { sequence, step, at: iso(at), durationMs, result, found, next };
}

function iso(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
