import { added, type Counts, pick, sum } from "./counts.ts";
import type { Seen } from "./event-log.ts";
import type { Promotion } from "./promotion.ts";
import { formatCount, formatCounts, formatSeconds, type Row } from "./report.ts";

/** The look after `functionTimeout` is fired by hand; its message would be received and completed. */
const LATER_BUS_OPERATIONS = 2;

/** What one deployment cost, each count beside its aim. */
export function costRows({ before, after }: Promotion): readonly Row[] {
  const executions = added(before.executions, after.executions);
  const bus = added(before.serviceBus, after.serviceBus);
  const tables = added(before.tables, after.tables);
  const arm = added(before.arm, after.arm);
  const kubernetes = added(before.kubernetes, after.kubernetes);
  const registry = pick(added(before.registry, after.registry), isOfApp);
  const isUpload = (name: string) => name.startsWith("blobs.");
  // A refused call, such as the look at a build that is not there yet, counts by its operation too.
  const isArm = (name: string) => !isUpload(name) && name !== "refused";
  const isProbe = (name: string) => name.endsWith("/proxy");
  const row = (what: string, counts: Counts, value: string): Row => ({ what, value, detail: formatCounts(counts) });
  const { total = 0, ...operations } = bus;
  return [
    row("function executions", executions, formatCount(sum(executions), 30)),
    row("Service Bus operations", operations, formatCount(total + LATER_BUS_OPERATIONS, 90)),
    row("table requests", tables, formatCount(sum(tables), 80)),
    row("ARM calls", arm, formatCount(sum(pick(arm, isArm)), 12)),
    row("  calls that upload the source, besides", pick(arm, isUpload), `${sum(pick(arm, isUpload))}`),
    row("Kubernetes calls of the app", kubernetes, formatCount(sum(kubernetes), 25)),
    row("  of these, probes through its proxy", pick(kubernetes, isProbe), `${sum(pick(kubernetes, isProbe))}`),
    row("registry calls of the app", registry, `${sum(registry)}`),
  ];
}

/** ACR's own interface and its tokens: builder and kubelet speak the OCI distribution protocol. */
function isOfApp(name: string): boolean {
  return / (acr|oauth2)$/.test(name);
}

/** Where the time of a promotion went; the details are its visits. */
export function timeRows(promotion: Promotion): readonly Row[] {
  const { totalMs, buildMs, podsMs, probesMs } = promotion;
  const overhead = overheadOf(promotion);
  const missed = overhead > 1000 ? "  missed" : "";
  return [
    { what: "from the moved alias to live", value: formatSeconds(totalMs), detail: timeline(promotion) },
    { what: "the build, by its run", value: formatSeconds(buildMs) },
    { what: "the pods, first created to last ready", value: formatSeconds(podsMs) },
    { what: "the probes: looks, and the intervals between", value: formatSeconds(probesMs) },
    { what: "overhead: the first less the other three", value: `${formatSeconds(overhead)} (aim <= 1 s)${missed}` },
  ];
}

export function overheadOf({ totalMs, buildMs, podsMs, probesMs }: Promotion): number {
  return totalMs - buildMs - podsMs - probesMs;
}

function timeline({ startedAt, events }: Promotion): string {
  return events.map((seen) => describe(seen, startedAt)).join("\n");
}

function describe({ event, at }: Seen, startedAt: number): string {
  const what = [event.event, event.step, event.result, event.found].filter((part) => part !== undefined).join(" ");
  const took = event.durationMs === undefined ? "" : ` (${event.durationMs} ms)`;
  return `${formatSeconds(at - startedAt).padStart(8)}  ${what}${took}`;
}
