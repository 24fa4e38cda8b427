import Table from "cli-table3";
import type { Story, StoryResult } from "./story.ts";

const MAX_WHY = 60;

/** The closing table: version, ending, why, duration, digest serving. */
export function formatDeployments(results: readonly StoryResult[]): string {
  const table = new Table({
    head: ["version", "ending", "why", "took", "serving"],
    style: { head: [], border: [] },
    colWidths: [9, 13, MAX_WHY + 2, 9, 28],
    wordWrap: true,
  });
  for (const { version, phase, why, durationSeconds, serving } of results.flatMap(({ deployments }) => deployments))
    table.push([version, phase, why ?? "verified and live", `${durationSeconds ?? "?"} s`, describeServing(serving)]);
  return table.toString();
}

function describeServing(serving: { version: string; image: string } | undefined): string {
  if (serving === undefined) return "nothing proven";
  const digest = serving.image.slice(serving.image.indexOf("@") + 1);
  return `version ${serving.version} ${digest.slice(0, 14)}…`;
}

/** What each story had to show, and whether it did. */
export function formatChecks({ title }: Story, { checks }: StoryResult): readonly string[] {
  const good = checks.every(({ ok }) => ok);
  return [
    `${good ? "✓" : "✗"} ${title}`,
    ...checks.map(({ what, ok, found }) => `    ${ok ? "✓" : "✗"} ${what}${ok ? "" : " — but found"}: ${found}`),
  ];
}
