import { parentPort, workerData } from "node:worker_threads";
import { loadBuilds } from "../builds/all-builds.ts";
import { playHistory } from "../history.ts";
import { drawPlan } from "../plan.ts";
import { DEFECTS } from "./defects.ts";

/** Looks for each of some defects, seed after seed; reports what it found, or that it found nothing. */
interface Hunt {
  names: readonly string[];
  seeds: number;
}

Error.stackTraceLimit = 0;
const { names, seeds } = workerData as Hunt;
for (const name of names) {
  const defect = DEFECTS.find((one) => one.name === name);
  if (defect === undefined) throw new Error(`There is no defect ${name}.`);
  const builds = await loadBuilds({ name: defect.name, patches: defect.patches });
  let seed = 1;
  let violation: unknown;
  for (; seed <= seeds && violation === undefined; seed++)
    ({ violation } = await playHistory({ plan: drawPlan(seed), builds }));
  parentPort?.postMessage({ name, ...(violation === undefined ? {} : { seed: seed - 1, violation }) });
}
