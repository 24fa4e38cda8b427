import { parentPort, workerData } from "node:worker_threads";
import { loadBuilds } from "../builds/all-builds.ts";
import { DEFECTS } from "./defects.ts";
import { type Found, huntSeeds, huntStories, type Place, playPlace } from "./play.ts";

/** What is asked of this thread: one defect, and where it was seen last. */
export interface Asked {
  name: string;
  seeds: number;
  known?: Place;
}

/** What came of it. */
export interface Answer {
  name: string;
  found?: Found;
  /** It no longer shows where it was seen last. */
  stale: boolean;
  seconds: number;
}

Error.stackTraceLimit = 0;

async function hunt({ name, seeds, known }: Asked): Promise<Answer> {
  const started = performance.now();
  const defect = DEFECTS.find((one) => one.name === name);
  if (defect === undefined) throw new Error(`There is no defect ${name}.`);
  const builds = await loadBuilds({ name, patches: defect.patches });
  const violation = known === undefined ? undefined : await playPlace(builds, known);
  const found =
    known !== undefined && violation !== undefined
      ? { place: known, violation }
      : ((await huntSeeds(builds, seeds)) ?? (await huntStories(builds)));
  const stale = known !== undefined && violation === undefined;
  return { name, stale, seconds: (performance.now() - started) / 1000, ...(found === undefined ? {} : { found }) };
}

parentPort?.on("message", (asked: Asked) => {
  hunt(asked).then(
    (answer) => parentPort?.postMessage(answer),
    (error: unknown) => {
      throw error;
    },
  );
});
parentPort?.postMessage(workerData);
