import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { BEYOND } from "./beyond.ts";
import { DEFECTS } from "./defects.ts";
import { keepFound, readFound } from "./found.ts";
import type { Answer, Asked } from "./hunt.worker.ts";
import type { Place } from "./play.ts";
import { PROMISES } from "./promises.ts";

const USAGE = `usage: npm run simulate:zoo                                   every defect where it was seen last
       npm run simulate:zoo -- --seeds N [--only NAME] [--record]   hunts afresh; --record keeps where each was seen`;

/** Seeds that a defect is hunted for which no longer shows where it was seen last. */
const SEEDS_AGAIN = 200;
const FEWEST = 50;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seeds: { type: "string" },
      only: { type: "string" },
      record: { type: "boolean", default: false },
      workers: { type: "string", default: String(availableParallelism()) },
    },
  });
  const [seeds, workers] = [values.seeds ?? String(SEEDS_AGAIN), values.workers];
  if (!/^\d{1,9}$/.test(seeds) || !/^[1-9]\d?$/.test(workers)) throw new Error(USAGE);
  const { only } = values;
  const names = DEFECTS.map(({ name }) => name).filter((name) =>
    only === undefined ? !Object.hasOwn(BEYOND, name) : name === only,
  );
  if (names.length === 0) throw new Error(`There is no defect ${only}.\n${USAGE}`);
  const known = values.seeds === undefined ? readFound() : {};
  const asked = names.map((name): Asked => {
    const place = known[name];
    return { name, seeds: Number(seeds), ...(place === undefined ? {} : { known: place }) };
  });
  const answers = await huntAll(asked, Number(workers), values.record ? record : () => undefined);
  report(answers);
  const found = answers.filter((answer) => answer.found !== undefined).length;
  if (found < answers.length || (only === undefined && found < FEWEST)) process.exitCode = 1;
}

/** At once: a hunt that is ended early keeps what it has found. */
function record({ name, found }: Answer): void {
  if (found !== undefined) keepFound({ [name]: found.place });
}

/** Every thread takes the next defect when it has done with one. */
async function huntAll(
  asked: readonly Asked[],
  workers: number,
  heard: (answer: Answer) => void,
): Promise<readonly Answer[]> {
  const left = [...asked];
  const answers: Answer[] = [];
  const threads: Worker[] = [];
  const work = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const thread = new Worker(new URL("hunt.worker.ts", import.meta.url), { workerData: undefined });
      threads.push(thread);
      thread.on("message", (answer: Answer | undefined) => {
        if (answer !== undefined) {
          answers.push(answer);
          heard(answer);
        }
        const next = left.shift();
        if (next === undefined) thread.terminate().then(() => resolve(), reject);
        else thread.postMessage(next);
      });
      thread.once("error", reject);
    });
  const count = Math.min(workers, asked.length);
  await Promise.all(Array.from({ length: count }, work)).finally(() =>
    Promise.all(threads.map((thread) => thread.terminate())),
  );
  return answers;
}

function report(answers: readonly Answer[]): void {
  const rows = answers.map(({ name, found, stale }) => {
    const { stands } = DEFECTS.find((one) => one.name === name) ?? { stands: "" };
    const { kind, text } = PROMISES.get(stands) ?? { kind: "", text: "" };
    const { place } = found ?? {};
    return {
      ...{ name, stale, stands: `${kind === "invariant" ? stands : kind} ${text}`, seed: seedOf(place) },
      ...{ where: place === undefined ? "NOT FOUND" : describe(place), invariant: found?.violation.invariant ?? "" },
      what: found?.violation.what ?? "",
    };
  });
  const ordered = rows.toSorted((a, b) => a.seed - b.seed || (a.name < b.name ? -1 : 1));
  for (const { where, invariant, name, stands, what, stale } of ordered) {
    print(`${where.padStart(9)}  ${invariant.padEnd(3)}  ${name.padEnd(32)}  ${stands}`);
    if (stale) print(`${" ".repeat(16)}no longer where it was seen last: run with --record`);
    if (answers.length <= 3) print(`${" ".repeat(16)}${what}`);
  }
  const seeds = ordered.flatMap(({ seed, where }) => (where.startsWith("seed") ? [seed] : []));
  const stories = ordered.filter(({ where }) => where.startsWith("story")).length;
  const missed = ordered.filter(({ where }) => where === "NOT FOUND").length;
  print(
    `${rows.length - missed} of ${rows.length} defects found, ${seeds.length} by seeds ` +
      `(half of them by seed ${seeds[Math.floor((seeds.length - 1) / 2)] ?? "none"}, all by ${seeds.at(-1) ?? "none"}), ` +
      `${stories} by stories; ${Object.keys(BEYOND).length} others are beyond the simulator`,
  );
}

function seedOf(place: Place | undefined): number {
  if (place === undefined) return Number.POSITIVE_INFINITY;
  return "seed" in place ? place.seed : 1e9;
}

function describe(place: Place): string {
  if ("seed" in place) return `seed ${place.seed}`;
  const { story, telling, faults } = place;
  return [`story "${story}" ${telling + 1}`, ...faults.map(({ call, kind }) => `${kind} at call ${call}`)].join(", ");
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

await main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
});
