import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { BEYOND } from "./beyond.ts";
import { DEFECTS } from "./defects.ts";

interface Found {
  name: string;
  seed?: number;
  violation?: { invariant: string; what: string };
}

const USAGE = "usage: npm run simulate:zoo -- [--seeds N] [--only NAME]";

/** Hunts every planted defect that the simulator can reach, and prints the table of seeds it took. */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { seeds: { type: "string", default: "2000" }, only: { type: "string" } },
  });
  if (!/^\d{1,9}$/.test(values.seeds)) throw new Error(USAGE);
  const names = DEFECTS.map(({ name }) => name).filter((name) =>
    values.only === undefined ? !Object.hasOwn(BEYOND, name) : name === values.only,
  );
  const found = await hunt(names, Number(values.seeds));
  for (const { name, seed, violation } of found.toSorted((a, b) => (a.seed ?? 1e9) - (b.seed ?? 1e9)))
    print(
      `${seed === undefined ? "NOT FOUND" : String(seed).padStart(9)}  ${name}  ${violation?.invariant ?? ""} ${violation?.what ?? ""}`,
    );
  const missed = found.filter(({ seed }) => seed === undefined).length;
  print(
    `${found.length - missed} of ${found.length} defects found; ${Object.keys(BEYOND).length} others are beyond the simulator's ports`,
  );
  if (missed > 0) process.exitCode = 1;
}

async function hunt(names: readonly string[], seeds: number): Promise<readonly Found[]> {
  const found: Found[] = [];
  const count = Math.min(names.length, availableParallelism());
  await Promise.all(
    Array.from({ length: count }, (_, index) => {
      const workerData = { names: names.filter((_name, at) => at % count === index), seeds };
      const thread = new Worker(new URL("hunt.worker.ts", import.meta.url), { workerData });
      return new Promise<void>((resolve, reject) => {
        thread.on("message", (report: Found) => void found.push(report));
        thread.once("error", reject);
        thread.once("exit", () => resolve());
      });
    }),
  );
  return found;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

await main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
});
