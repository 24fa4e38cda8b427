import { execFileSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { loadBuilds } from "./builds/all-builds.ts";
import type { Violation } from "./check/verdict.ts";
import { type BrokenPoint, STORIES } from "./crash-points.ts";
import { playHistory } from "./history.ts";
import { drawPlan } from "./plan.ts";
import type { Share } from "./points.worker.ts";
import { shrink } from "./shrink.ts";
import { describeTally, emptyTally, merge, rareFaults, type Tally } from "./tally.ts";

const USAGE = `usage: npm run simulate -- [--seeds N] [--from N] [--workers N]
       npm run simulate -- --seed N [--trace]
       npm run simulate -- --points [--workers N]      every crash point, and every pair of two stories`;

interface Broken {
  seed: number;
  violation: Violation;
}

/** Kinds of faults are counted only in runs that are long enough for each to come up. */
const ENOUGH = 20_000;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seeds: { type: "string", default: "10000" },
      from: { type: "string", default: "1" },
      workers: { type: "string", default: String(Math.max(1, availableParallelism())) },
      seed: { type: "string" },
      trace: { type: "boolean", default: false },
      points: { type: "boolean", default: false },
    },
  });
  if (values.points) return points(whole("workers", values.workers));
  if (values.seed !== undefined) return one(whole("seed", values.seed), values.trace);
  await many(whole("seeds", values.seeds), whole("from", values.from), whole("workers", values.workers));
}

function whole(name: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new Error(`--${name}: a whole number is expected, this is "${text}".\n${USAGE}`);
}

async function many(seeds: number, from: number, workers: number): Promise<void> {
  const started = performance.now();
  const figures = emptyTally();
  const broken = await playAll(seeds, from, workers, figures);
  const seconds = (performance.now() - started) / 1000;
  for (const line of describeTally(figures, seconds, workers)) print(line);
  if (broken !== undefined) {
    print(`\nseed ${broken.seed} breaks ${broken.violation.invariant}: ${broken.violation.what} (commit ${commit()})`);
    return one(broken.seed, true);
  }
  const rare = seeds >= ENOUGH ? rareFaults(figures) : [];
  if (rare.length > 0) {
    print(`these faults came up in less than one of 100 histories: ${rare.join(", ")}`);
    process.exitCode = 1;
  }
}

/** Plays on several threads; ends with the first violation, the one of the lowest seed among those found by then. */
async function playAll(seeds: number, from: number, workers: number, figures: Tally): Promise<Broken | undefined> {
  const found: Broken[] = [];
  const threads = Array.from({ length: workers }, (_, index) => {
    const workerData = { from: from + index, to: from + seeds, every: workers };
    return new Worker(new URL("seeds.worker.ts", import.meta.url), { workerData });
  });
  const stop = () => Promise.all(threads.map((thread) => thread.terminate()));
  await Promise.all(
    threads.map(
      (thread) =>
        new Promise<void>((resolve, reject) => {
          thread.on("message", (report: { figures: Tally; broken?: Broken; done?: true }) => {
            merge(figures, report.figures);
            if (report.broken !== undefined) {
              found.push(report.broken);
              stop().then(() => resolve(), reject);
            }
            if (report.done === true) resolve();
          });
          thread.once("error", reject);
          thread.once("exit", () => resolve());
        }),
    ),
  ).finally(stop);
  return found.toSorted((a, b) => a.seed - b.seed)[0];
}

/** Plays one seed; where it breaks a promise, it is shrunk and told in words. */
async function one(seed: number, trace: boolean): Promise<void> {
  Error.stackTraceLimit = 0;
  const builds = await loadBuilds();
  const plan = drawPlan(seed);
  const result = await playHistory({ plan, builds });
  if (result.violation === undefined) {
    if (trace) await playHistory({ plan, builds, trace: print });
    print(`seed ${seed}: ${JSON.stringify(result.endings)}, ${result.faults.length} faults, every promise kept`);
    return;
  }
  const { without, faults } = await shrink(plan, builds, result);
  print(
    `seed ${seed} needs ${faults.length} of its ${result.faults.length} faults: ${faults.map(({ kind, where }) => `${kind} at ${where}`).join(", ")}`,
  );
  const last = await playHistory({ plan, builds, without, ...(trace ? { trace: print } : {}) });
  print(`seed ${seed} breaks ${last.violation?.invariant}: ${last.violation?.what} (commit ${commit()})`);
  process.exitCode = 1;
}

interface PointReport {
  share: Share;
  played: number;
  broken?: BrokenPoint;
}

/** Every fault at every call of each story, and a crash at every pair of calls of the happy and the rollback story. */
async function points(workers: number): Promise<void> {
  const singles: Share[] = Object.keys(STORIES).map((story) => ({ story }));
  const pairs: Share[] = ["happy", "rollback"].flatMap((story) =>
    Array.from({ length: workers }, (_, first) => ({ story, first, every: workers })),
  );
  const shares = [...singles, ...pairs];
  let whole = 0;
  let broken = 0;
  await Promise.all(
    Array.from({ length: workers }, (_, index) => {
      const workerData = shares.filter((_share, at) => at % workers === index);
      const thread = new Worker(new URL("points.worker.ts", import.meta.url), { workerData });
      return new Promise<void>((resolve, reject) => {
        thread.on("message", (report: PointReport) => {
          print(describePoints(report));
          if (report.broken === undefined) whole += 1;
          else broken += 1;
        });
        thread.once("error", reject);
        thread.once("exit", () => resolve());
      });
    }),
  );
  print(`${whole} of ${shares.length} shares kept every promise, ${broken} did not`);
  if (whole < shares.length) process.exitCode = 1;
}

function describePoints({ share, played, broken }: PointReport): string {
  const what =
    "every" in share
      ? `pairs of "${share.story}", part ${share.first + 1} of ${share.every}`
      : `points of "${share.story}"`;
  return `${String(played).padStart(7)} ${what}${broken === undefined ? "" : `: ${JSON.stringify(broken)}`}`;
}

function commit(): string {
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  } catch {
    return "unknown";
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

await main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
});
