import { parentPort, workerData } from "node:worker_threads";
import { loadBuilds } from "./builds/all-builds.ts";
import { playHistory } from "./history.ts";
import { drawPlan } from "./plan.ts";
import { emptyTally, tally } from "./tally.ts";

/** Plays seeds `from`, `from + every`, … below `to`; reports its figures now and then, and the first violation at once. */
interface Assignment {
  from: number;
  to: number;
  every: number;
}

const REPORT_EVERY = 200;
// Errors are thrown and caught by the thousand; their stacks are looked at by nobody.
Error.stackTraceLimit = 0;
const { from, to, every } = workerData as Assignment;
const builds = await loadBuilds();
let figures = emptyTally();
for (let seed = from; seed < to; seed += every) {
  const result = await playHistory({ plan: drawPlan(seed), builds });
  tally(figures, result);
  if (result.violation !== undefined) {
    parentPort?.postMessage({ figures, broken: { seed, violation: result.violation } });
    figures = emptyTally();
  }
  if (figures.histories >= REPORT_EVERY) {
    parentPort?.postMessage({ figures });
    figures = emptyTally();
  }
}
parentPort?.postMessage({ figures, done: true });
