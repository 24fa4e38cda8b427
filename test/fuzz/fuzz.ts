import { createRandom, type Random } from "./random.ts";

/** The one place the sizes come from: `npm run fuzz` runs the full ones, `npm test` small ones of the same cases. */
const FULL = process.env["FUZZ"] === "full";

/** Where the cases begin; another one is other cases. */
export const SEED = Number(process.env["FUZZ_SEED"] ?? 20_260_921);

/** How many cases a suite runs. */
export function cases(full: number, small: number): number {
  return FULL ? full : small;
}

/** One line of figures, for whoever runs the suites. */
export function tell(line: string): void {
  process.stdout.write(`fuzz ${line}\n`);
}

/** So many cases in how long: `1000 in 2.5 s, 400/s`; `began` is a reading of `performance.now()`. */
export function pace(count: number, began: number): string {
  const seconds = (performance.now() - began) / 1000;
  return `${count} in ${seconds.toFixed(1)} s, ${Math.round(count / seconds)}/s`;
}

/** The choices of one case: case `index` of this seed is case 0 of the seed that is `index` higher. */
export function caseOf(index: number): Random {
  return createRandom(SEED + index);
}

/** What failed, and how to begin with that case. */
export function failureOf(index: number, error: unknown): Error {
  const what = error instanceof Error ? error.message : String(error);
  return new Error(`Case ${index} failed; FUZZ_SEED=${SEED + index} begins with it. ${what}`, { cause: error });
}

/** Runs cases one after the other until there were `count`, and stops at the first that fails. False: it was no case. */
export async function eachCase(count: number, run: (random: Random, index: number) => unknown): Promise<void> {
  for (let index = 0, ran = 0; ran < count; index++)
    try {
      const running = run(caseOf(index), index);
      // Most cases have nothing to wait for, and there are many.
      if ((running instanceof Promise ? await running : running) !== false) ran += 1;
    } catch (error) {
      throw failureOf(index, error);
    }
}

/** Counts by name, as text: `202 61, 401 30`, the names in order. */
export class Tally {
  readonly #counts = new Map<string, number>();

  add(name: string | number): void {
    const key = String(name);
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  of(name: string | number): number {
    return this.#counts.get(String(name)) ?? 0;
  }

  names(): readonly string[] {
    return [...this.#counts.keys()].sort();
  }

  toString(): string {
    return this.names()
      .map((name) => `${name} ${this.of(name)}`)
      .join(", ");
  }
}
