import { Worker } from "node:worker_threads";
import type { SeedsReport } from "./seeds.worker.ts";
import { emptyTally, merge, type Tally } from "./tally.ts";

/** Seeds `from` to `from + seeds - 1`. */
export interface Range {
  from: number;
  seeds: number;
}

type Broken = NonNullable<SeedsReport["broken"]>;

export interface Played {
  figures: Tally;
  /** The violation of the lowest seed among those found before all threads had stopped. */
  broken: Broken | undefined;
  /** A hash of everything that happened, by seed. */
  traces: Map<number, string>;
}

/** Plays on several threads; ends with the first violation. */
export async function playAll({ from, seeds }: Range, workers: number, hashed: boolean): Promise<Played> {
  const figures = emptyTally();
  const traces = new Map<number, string>();
  const found: Broken[] = [];
  const threads = Array.from({ length: workers }, (_, index) => {
    const workerData = { from: from + index, to: from + seeds, every: workers, hashed };
    return new Worker(new URL("seeds.worker.ts", import.meta.url), { workerData });
  });
  const stop = () => Promise.all(threads.map((thread) => thread.terminate()));
  await Promise.all(
    threads.map(
      (thread) =>
        new Promise<void>((resolve, reject) => {
          thread.on("message", (report: SeedsReport) => {
            merge(figures, report.figures);
            for (const [seed, hash] of report.traces ?? []) traces.set(seed, hash);
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
  return { figures, traces, broken: found.toSorted((a, b) => a.seed - b.seed)[0] };
}
