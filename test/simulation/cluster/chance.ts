/** A seeded source of numbers in [0, 1). */
export type Random = () => number;

/** A whole number from `from` to `to`, both included. */
export function between(random: Random, from: number, to: number): number {
  return from + Math.floor(random() * (to - from + 1));
}

/** One of a list; undefined only of an empty one. */
export function pick<T>(random: Random, list: readonly T[]): T | undefined {
  return list.length === 0 ? undefined : list[Math.floor(random() * list.length)];
}

const LETTERS = "bcdfghjklmnpqrstvwxz2456789";

/** The end of a generated name, from the letters Kubernetes takes. */
export function letters(random: Random, count: number): string {
  let text = "";
  for (let index = 0; index < count; index++) text += LETTERS.charAt(Math.floor(random() * LETTERS.length));
  return text;
}
