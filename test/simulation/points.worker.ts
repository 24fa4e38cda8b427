import { parentPort, workerData } from "node:worker_threads";
import { loadBuilds } from "./builds/all-builds.ts";
import { playEveryPair, playEveryPoint } from "./crash-points.ts";

/** One share of the exhaustive runs: a story's points, or a part of its pairs. */
export type Share = { story: string } | { story: string; first: number; every: number };

Error.stackTraceLimit = 0;
const shares = workerData as readonly Share[];
const builds = await loadBuilds();
for (const share of shares) {
  const result =
    "every" in share ? await playEveryPair(builds, share.story, share) : await playEveryPoint(builds, share.story);
  parentPort?.postMessage({ share, ...result });
}
