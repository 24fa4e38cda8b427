import { createHash } from "node:crypto";
import { parentPort, workerData } from "node:worker_threads";
import { loadBuilds } from "./builds/all-builds.ts";
import type { Violation } from "./check/verdict.ts";
import { playHistory } from "./history.ts";
import { drawPlan } from "./plan.ts";
import { emptyTally, type Tally, tally } from "./tally.ts";

/** Plays seeds `from`, `from + every`, … below `to`; reports its figures now and then, and the first violation at once. */
interface Assignment {
  from: number;
  to: number;
  every: number;
  /** Whether a hash of everything that happened is told, by seed. */
  hashed: boolean;
}

/** What a worker tells now and then. */
export interface SeedsReport {
  figures: Tally;
  broken?: { seed: number; violation: Violation };
  traces?: readonly (readonly [seed: number, hash: string])[];
  done?: true;
}

const REPORT_EVERY = 200;
// Errors are thrown and caught by the thousand; their stacks are looked at by nobody.
Error.stackTraceLimit = 0;
const { from, to, every, hashed } = workerData as Assignment;
const builds = await loadBuilds();
let figures = emptyTally();
let traces: [number, string][] = [];
const report = (more: Partial<SeedsReport>) => {
  parentPort?.postMessage({ figures, traces, ...more } satisfies SeedsReport);
  figures = emptyTally();
  traces = [];
};
for (let seed = from; seed < to; seed += every) {
  const hash = createHash("sha256");
  const trace = hashed ? (line: string) => void hash.update(`${line}\n`) : undefined;
  const result = await playHistory({ plan: drawPlan(seed), builds, ...(trace === undefined ? {} : { trace }) });
  tally(figures, result);
  if (hashed) traces.push([seed, hash.digest("hex")]);
  if (result.violation !== undefined) report({ broken: { seed, violation: result.violation } });
  if (figures.histories >= REPORT_EVERY) report({});
}
report({ done: true });
