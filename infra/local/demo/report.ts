import Table from "cli-table3";
import { describeImage, type Story, type StoryResult } from "./story.ts";

/** Columns whose content has a known length, and the borders. */
const OTHERS = 9 + 13 + 9 + 33 + 6;

/** The closing table, as wide as the terminal: version, ending, why, duration, digest serving. */
export function formatDeployments(results: readonly StoryResult[], width: number): string {
  const table = new Table({
    head: ["version", "ending", "why", "took", "serving"],
    style: { head: [], border: [] },
    colWidths: [9, 13, Math.min(80, Math.max(30, width - OTHERS)), 9, 33],
    wordWrap: true,
  });
  for (const { version, phase, why, durationSeconds, serving } of results.flatMap(({ deployments }) => deployments))
    table.push([version, phase, why ?? "verified and live", `${durationSeconds ?? "?"} s`, describeServing(serving)]);
  return table.toString();
}

function describeServing(serving: { version: string; image: string } | undefined): string {
  if (serving === undefined) return "nothing proven";
  return `version ${serving.version} ${describeImage(serving.image)}`;
}

/** What each story had to show, and whether it did. */
export function formatChecks({ title }: Story, { checks }: StoryResult): readonly string[] {
  const good = checks.every(({ ok }) => ok);
  return [
    `${good ? "✓" : "✗"} ${title}`,
    ...checks.map(({ what, ok, found }) => `    ${ok ? "✓" : "✗"} ${what}${ok ? "" : " — but found"}: ${found}`),
  ];
}
