import { type BelayEvent, readHostLine } from "../stack/host-line.ts";

/** What the app's process prints, as far as a person wants to see it: Belay's events, and whatever went wrong. */
export function formatLine(line: string, sinceStartMs: number, width: number): string | undefined {
  const read = readHostLine(line);
  if (read === undefined) return line;
  const { level, message, event } = read;
  const shown = event === undefined ? undefined : formatEvent(event, sinceStartMs, width);
  return shown ?? (/^(warning|error|critical)$/.test(level) ? `${level}: ${message}` : undefined);
}

const SHOWN: Readonly<Record<string, (event: BelayEvent) => string>> = {
  "webhook.accepted": ({ model, version }) => `signed delivery: ${model} version ${version}`,
  "promotion.accepted": ({ version, phase }) =>
    phase === "Rejected" ? `version ${version} refused` : `version ${version} accepted: ${phase}`,
  "promotion.repeated": () => "the same wish again: nothing new",
  "step.visited": ({ result, found }) => `${result}: ${found}`,
  "step.rescheduled": ({ reason }) => `tried again later: ${reason}`,
  "deployment.ended": ({ phase, why }) => `${phase}${why === undefined ? "" : `: ${why}`}`,
  "deployment.pruned": ({ removed }) => `removed ${String(removed)}`,
  "webhook.refused": () => "a delivery with a bad signature was refused",
  "webhook.ignored": ({ reason }) => String(reason),
  "message.poisoned": ({ reason }) => `set aside: ${reason}`,
};

/** One event as one line: time since the start, target, step, what was found, how long; undefined: not shown. */
function formatEvent(event: BelayEvent, sinceStartMs: number, width: number): string | undefined {
  const describe = SHOWN[event.event];
  if (describe === undefined) return undefined;
  const time = `${(sinceStartMs / 1000).toFixed(1)}s`.padStart(6);
  const target = (event.target ?? "").padEnd(17);
  const step = (event.step ?? event.event.split(".")[0] ?? "").padEnd(10);
  const took = event.durationMs === undefined ? "" : `  ${formatDuration(event.durationMs)}`;
  const room = Math.max(20, width - time.length - target.length - step.length - took.length - 6);
  const found = describe(event).replaceAll(/\s+/g, " ");
  return `${time}  ${target} ${step} ${found.length > room ? `${found.slice(0, room - 1)}…` : found}${took}`;
}

function formatDuration(ms: number): string {
  return ms < 1_000 ? `${ms} ms` : `${(ms / 1_000).toFixed(1)} s`;
}
