import type { Counts } from "./counts.ts";

/** One line of a section: what was measured, and what came out. */
export interface Row {
  what: string;
  value: string;
  /** Only with `--verbose`. */
  detail?: string;
}

/** A title and its rows, the values one under the other; details stand below their row. */
export function formatSection(title: string, rows: readonly Row[], verbose: boolean): readonly string[] {
  const width = Math.max(...rows.map(({ what }) => what.length));
  return [
    title,
    ...rows.flatMap(({ what, value, detail }) => [
      `  ${what.padEnd(width)}  ${value}`,
      ...(verbose && detail !== undefined ? detail.split("\n").map((line) => `      ${line}`) : []),
    ]),
    "",
  ];
}

/** A count beside what it should not exceed. */
export function formatCount(count: number, aim: number): string {
  return `${count} (aim <= ${aim})${count > aim ? "  missed" : ""}`;
}

/** How often what was counted, the most first. */
export function formatCounts(counts: Counts): string {
  const sorted = Object.entries(counts).sort(([, a], [, b]) => b - a);
  return sorted.map(([name, count]) => `${name} ${count}`).join(", ");
}

export function formatSeconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(2)} s`;
}

/** As a factor with two digits. */
export function formatRatio(value: number, of: number): string {
  return (value / of).toFixed(2);
}
