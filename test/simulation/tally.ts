import type { HistoryResult } from "./history.ts";
import { CALL_FAULTS, WORLD_FAULTS } from "./kernel/faults.ts";

/** What many histories came to together. */
export interface Tally {
  histories: number;
  calls: number;
  /** Virtual milliseconds. */
  lastedMs: number;
  asked: number;
  done: number;
  recovered: number;
  endings: Record<string, number>;
  faults: Record<string, number>;
}

export function emptyTally(): Tally {
  return { histories: 0, calls: 0, lastedMs: 0, asked: 0, done: 0, recovered: 0, endings: {}, faults: {} };
}

/** Adds one history to the figures. */
export function tally(figures: Tally, result: HistoryResult): void {
  figures.histories += 1;
  figures.calls += result.calls;
  figures.lastedMs += result.lastedMs;
  figures.asked += result.asked;
  figures.done += result.done;
  figures.recovered += result.recovered;
  for (const [phase, count] of Object.entries(result.endings)) addTo(figures.endings, phase, count);
  for (const { kind } of result.faults) addTo(figures.faults, kind, 1);
}

export function merge(into: Tally, more: Tally): void {
  for (const member of ["histories", "calls", "lastedMs", "asked", "done", "recovered"] as const)
    into[member] += more[member];
  for (const [phase, count] of Object.entries(more.endings)) addTo(into.endings, phase, count);
  for (const [kind, count] of Object.entries(more.faults)) addTo(into.faults, kind, count);
}

function addTo(counts: Record<string, number>, name: string, more: number): void {
  counts[name] = (counts[name] ?? 0) + more;
}

/** Kinds of faults that came up less often than once in a hundred histories. */
export function rareFaults({ histories, faults }: Tally): readonly string[] {
  return [...CALL_FAULTS, ...WORLD_FAULTS].filter((kind) => (faults[kind] ?? 0) < histories / 100);
}

const YEAR_MS = 365.25 * 24 * 3_600_000;

/** The figures as lines for people. */
export function describeTally(figures: Tally, seconds: number, workers: number): readonly string[] {
  const { histories, calls, lastedMs, asked, done, recovered, endings, faults } = figures;
  const list = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts)
      .toSorted((a, b) => b[1] - a[1])
      .map(([name, count]) => `${name} ${count}`)
      .join(", ");
  return [
    `${histories} histories in ${seconds.toFixed(0)} s: ${(histories / seconds).toFixed(0)} a second, ${(histories / seconds / workers).toFixed(0)} a second and worker`,
    `${(lastedMs / YEAR_MS).toFixed(1)} virtual years, ${calls} calls to the outside, ${(calls / Math.max(1, histories)).toFixed(0)} a history`,
    `deployments by ending: ${list(endings)}`,
    `asked ${asked}, done ${done}, lost ${asked - done}; messages and promotions recovered ${recovered}`,
    `faults: ${list(faults)}`,
  ];
}
