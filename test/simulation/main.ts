import { execFileSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { loadBuilds } from "./builds/all-builds.ts";
import { playHistory } from "./history.ts";
import { drawPlan } from "./plan.ts";
import { playPoints } from "./play-points.ts";
import { playAll, type Range } from "./play-seeds.ts";
import { shrink } from "./shrink.ts";
import { describeTally, rareFaults } from "./tally.ts";

const USAGE = `usage: npm run simulate -- [--seeds N] [--from N] [--workers N]
       npm run simulate -- --seed N [--trace]
       npm run simulate -- --twice [--seeds N]         the same seeds must have the same traces
       npm run simulate -- --points [--workers N]      every crash point, and every pair of two stories`;

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
      twice: { type: "boolean", default: false },
      points: { type: "boolean", default: false },
    },
  });
  if (values.points) return points(whole("workers", values.workers));
  if (values.seed !== undefined) return one(whole("seed", values.seed), values.trace);
  const range = { from: whole("from", values.from), seeds: whole("seeds", values.seeds) };
  await (values.twice ? twice : many)(range, whole("workers", values.workers));
}

function whole(name: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new Error(`--${name}: a whole number is expected, this is "${text}".\n${USAGE}`);
}

async function many(range: Range, workers: number): Promise<void> {
  const { seeds } = range;
  const started = performance.now();
  const { figures, broken } = await playAll(range, workers, false);
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

/** Plays seeds twice, the second time on one thread: whatever happened is the same. */
async function twice(range: Range, workers: number): Promise<void> {
  const first = await playAll(range, workers, true);
  const second = await playAll(range, 1, true);
  const other = [...first.traces].filter(([seed, hash]) => second.traces.get(seed) !== hash).map(([seed]) => seed);
  print(
    `${first.traces.size} seeds played twice, ${other.length} with another trace${other.length === 0 ? "" : `: ${other.join(", ")}`}`,
  );
  if (other.length > 0 || first.traces.size < range.seeds) process.exitCode = 1;
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

async function points(workers: number): Promise<void> {
  if (!(await playPoints(workers, print))) process.exitCode = 1;
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
