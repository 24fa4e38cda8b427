import { setTimeout as delay } from "node:timers/promises";
import { type AuditResult, runAudit } from "./audit-process.ts";
import { createEndings } from "./endings.ts";
import { type Field, openField } from "./field.ts";
import { fire } from "./fire.ts";
import { type Figures, formatFigures } from "./report.ts";
import { messagesUnderWay, settle } from "./settle.ts";

export interface SoakOptions {
  /** A little more than a minute instead of five. */
  short: boolean;
  seed: number;
  /** At least so many; the size's own when left out. */
  promotions?: number;
  kills?: number;
  /** The rest of the size, in place of the usual one. */
  size?: Partial<Size>;
  /** The built app; `dist/` when left out. */
  appDirectory?: string;
  /** Gets every line of the app's host, and when it was killed. */
  logFile?: string;
  print: (line: string) => void;
  /** Breaks off, and leaves nothing behind all the same. */
  signal: AbortSignal;
}

/** How much in what time. */
export interface Size {
  targets: number;
  promotions: number;
  kills: number;
  wishingMs: number;
  /** Kills and faults go on for so long after the last promotion. */
  afterwardsMs: number;
  /** How long it may take until nothing is under way and the audit finds nothing: longer than the sweep waits. */
  settlingMs: number;
}
const FULL: Size = {
  ...{ targets: 12, promotions: 300, kills: 100 },
  ...{ wishingMs: 175_000, afterwardsMs: 5_000, settlingMs: 150_000 },
};
const SHORT: Size = {
  ...{ targets: 6, promotions: 60, kills: 16 },
  ...{ wishingMs: 42_000, afterwardsMs: 3_000, settlingMs: 150_000 },
};

/** Whatever is late is told at once; whether it stands is found out by auditing again. */
const AUDIT = ["--grace", "0s", "--settle", "0s"];
/** Between two audits. */
const AUDIT_PAUSE_MS = 3_000;

/** Runs the soak to its end; true only if enough was done, and audit and witness found nothing. */
export async function runSoak(options: SoakOptions): Promise<boolean> {
  const { seed, print, signal } = options;
  const startedAt = performance.now();
  const size = sizeOf(options);
  print(
    `Soak with seed ${seed}: ${size.promotions} promotions on ${size.targets} targets, ${size.kills} kills, everything around the app fails at random.`,
  );
  const field = await openField({ ...options, targets: size.targets });
  const progress = setInterval(() => print(progressLine(field, performance.now() - startedAt)), PROGRESS_MS);
  try {
    const outcome = await soak(field, { ...size, seed, print, signal });
    for (const line of formatFigures({ ...outcome, seed, seconds: (performance.now() - startedAt) / 1000 }))
      print(line);
    return isGood(outcome, size);
  } finally {
    clearInterval(progress);
    await field.close();
  }
}

/** Between two lines that say how far it is. */
const PROGRESS_MS = 15_000;

function sizeOf({ short, promotions, kills, size }: SoakOptions): Size {
  const own = { ...(short ? SHORT : FULL), ...size };
  return { ...own, promotions: promotions ?? own.promotions, kills: kills ?? own.kills };
}

type Outcome = Omit<Figures, "seed" | "seconds">;

async function soak(
  field: Field,
  { print, signal, settlingMs, ...options }: Size & Pick<SoakOptions, "print" | "signal" | "seed">,
): Promise<Outcome> {
  const { stack, movers, mlflow, front, witness, tally } = field;
  const fired = await fire(field, { ...options, signal });
  print("Kills, faults and promotions have stopped; waiting until nothing is under way.");
  const endings = createEndings({ url: stack.appUrl, functionKey: stack.functionKey }, movers);
  const settlingAt = performance.now();
  const left = () => settlingAt + settlingMs - performance.now();
  const look = async () => [...messagesUnderWay(stack.standIns.bus, QUEUES), ...(await endings.restlessness())];
  const underWay = await settle({ look, limitMs: left(), signal });
  const audit = await auditUntilClean(stack.environment, left, signal);
  const settledSeconds = (performance.now() - settlingAt) / 1000;
  return {
    fired,
    promotions: movers.reduce((sum, mover) => sum + mover.promotions(), 0),
    wishes: movers.map((mover) => mover.counts()),
    deliveries: mlflow.deliveries().map(({ outcome }) => describeDelivery(outcome)),
    faults: front.counts(),
    told: tally,
    endings: await endings.count(),
    ...{ underWay, settledSeconds, audit, testimony: witness.testify() },
  };
}

/** What the timers still have to bring back takes its time; the last audit's word counts. */
async function auditUntilClean(
  environment: Readonly<Record<string, string>>,
  left: () => number,
  signal: AbortSignal,
): Promise<AuditResult> {
  for (;;) {
    const audit = await runAudit(environment, AUDIT, signal);
    if (audit.code === 0 || left() <= 0) return audit;
    await delay(AUDIT_PAUSE_MS, undefined, { signal });
  }
}

/** The queues of the pipeline. */
const QUEUES = ["promotions", "validate", "build", "rollout", "verify", "rollback", "notify"];

function describeDelivery(outcome: ReturnType<Field["mlflow"]["deliveries"]>[number]["outcome"]): string {
  return outcome.kind === "answered" ? `answered ${outcome.status}` : outcome.kind;
}

function progressLine({ movers, front, tally }: Field, ms: number): string {
  const promotions = movers.reduce((sum, mover) => sum + mover.promotions(), 0);
  const faults = Object.values(front.counts()).flatMap((counts) => Object.values(counts));
  return `${(ms / 1000).toFixed(0).padStart(4)} s: ${promotions} promotions, ${faults.reduce((sum, count) => sum + count, 0)} faults, ${tally.ended()} endings`;
}

function isGood({ audit, testimony, underWay, fired, promotions }: Outcome, size: Size): boolean {
  const enough = promotions >= size.promotions && fired.kills >= size.kills;
  const alone = fired.ownEnds === 0;
  return enough && alone && underWay.length === 0 && audit.code === 0 && testimony.contradictions.length === 0;
}
