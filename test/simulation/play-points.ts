import { Worker } from "node:worker_threads";
import { type BrokenPoint, STORIES } from "./crash-points.ts";
import type { Share } from "./points.worker.ts";

/** What became of one share. */
export interface PointReport {
  share: Share;
  played: number;
  broken?: BrokenPoint;
}

/** Every fault at every call of each story, and a crash at every pair of calls of the happy and the rollback story. */
export async function playPoints(workers: number, report: (line: string) => void): Promise<boolean> {
  const singles: Share[] = Object.keys(STORIES).map((story) => ({ story }));
  const pairs: Share[] = ["happy", "rollback"].flatMap((story) =>
    Array.from({ length: workers }, (_, first) => ({ story, first, every: workers })),
  );
  const shares = [...singles, ...pairs];
  let whole = 0;
  let broken = 0;
  let played = 0;
  await Promise.all(
    Array.from({ length: workers }, (_, index) => {
      const workerData = shares.filter((_share, at) => at % workers === index);
      const thread = new Worker(new URL("points.worker.ts", import.meta.url), { workerData });
      return new Promise<void>((resolve, reject) => {
        thread.on("message", (told: PointReport) => {
          report(describePoints(told));
          played += told.played;
          if (told.broken === undefined) whole += 1;
          else broken += 1;
        });
        thread.once("error", reject);
        thread.once("exit", () => resolve());
      });
    }),
  );
  report(`${played} histories; ${whole} of ${shares.length} shares kept every promise, ${broken} did not`);
  return whole === shares.length;
}

function describePoints({ share, played, broken }: PointReport): string {
  const what =
    "every" in share
      ? `pairs of "${share.story}", part ${share.first + 1} of ${share.every}`
      : `points of "${share.story}"`;
  return `${String(played).padStart(7)} ${what}${broken === undefined ? "" : `: ${JSON.stringify(broken)}`}`;
}
