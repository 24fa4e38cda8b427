import type { Bucket, Latency, Traffic, TrafficReading } from "./traffic.ts";

/** Which release a pod belongs to. */
export type Side = "candidate" | "stable";

/** What one pod said at one moment. */
export interface PodReading {
  /** Its name, which no pod after it gets. */
  pod: string;
  side: Side;
  /** When its container started; epoch milliseconds. */
  startedAt: number;
  reading: TrafficReading;
}

/** What all pods of both sides said at one moment. */
export interface Snapshot {
  /** Epoch milliseconds. */
  at: number;
  pods: readonly PodReading[];
}

/** What one side served in a window. Plain JSON: a verdict can be reached again from what was stored. */
export interface SideTraffic extends Traffic {
  /** How many pods it is the sum of. */
  pods: number;
  /** What is not in it, a sentence for each pod; the last one may stand for several. */
  gaps: readonly string[];
}

/** What both sides served in the same minutes. */
export interface TrafficWindow {
  /** Epoch milliseconds. */
  from: number;
  to: number;
  candidate: SideTraffic;
  stable: SideTraffic;
}

/** A record keeps them. */
const MAX_GAPS = 8;

/** What one pod adds to its side, and what of it is not known. */
interface Share {
  side: Side;
  traffic?: Traffic;
  gap?: string;
}

/** The difference of two looks, pod by pod, summed for each side. */
export function measureWindow(before: Snapshot, after: Snapshot): TrafficWindow {
  const then = new Map(before.pods.map((pod) => [pod.pod, pod]));
  const now = new Set(after.pods.map(({ pod }) => pod));
  const shares = [
    ...after.pods.map((pod) => shareOf(pod, then.get(pod.pod), before.at)),
    ...before.pods.filter(({ pod }) => !now.has(pod)).map(lost),
  ];
  const side = (name: Side) => sumUp(shares.filter((share) => share.side === name));
  return { from: before.at, to: after.at, candidate: side("candidate"), stable: side("stable") };
}

function shareOf(after: PodReading, before: PodReading | undefined, from: number): Share {
  const { pod, side, reading } = after;
  if (reading.kind === "unreadable") return { side, gap: `${pod} is not counted: ${reading.reason}` };
  const { traffic } = reading;
  if (before === undefined && after.startedAt >= from) return { side, traffic };
  if (before === undefined) return { side, gap: `${pod} is not counted: it was not read at the beginning` };
  const earlier = before.reading;
  if (after.startedAt > from || (earlier.kind === "traffic" && hasRestarted(earlier.traffic, traffic)))
    return { side, traffic, gap: `${pod} restarted: what it served before that is not counted` };
  if (earlier.kind === "unreadable")
    return { side, gap: `${pod} is not counted: it was not read at the beginning: ${earlier.reason}` };
  return { side, traffic: difference(earlier.traffic, traffic) };
}

function lost({ pod, side }: PodReading): Share {
  return { side, gap: `${pod} is gone: what it served is not counted` };
}

/** A counter only falls, and a bound only goes, when a container starts anew. */
function hasRestarted(before: Traffic, after: Traffic): boolean {
  if (after.requests < before.requests || after.errors < before.errors) return true;
  if (after.latency.count < before.latency.count) return true;
  return before.latency.buckets.some(({ le, count }) => (countAt(after.latency, le) ?? -1) < count);
}

function difference(before: Traffic, after: Traffic): Traffic {
  const buckets = after.latency.buckets.map(({ le, count }) => ({
    le,
    count: count - (countAt(before.latency, le) ?? 0),
  }));
  return {
    requests: after.requests - before.requests,
    errors: after.errors - before.errors,
    latency: { buckets, count: after.latency.count - before.latency.count },
  };
}

function sumUp(shares: readonly Share[]): SideTraffic {
  const traffic = shares.flatMap((share) => share.traffic ?? []);
  const gaps = shares.flatMap((share) => share.gap ?? []);
  return {
    pods: traffic.length,
    requests: traffic.reduce((total, { requests }) => total + requests, 0),
    errors: traffic.reduce((total, { errors }) => total + errors, 0),
    latency: traffic.map(({ latency }) => latency).reduce(addLatency, { buckets: [], count: 0 }),
    gaps:
      gaps.length <= MAX_GAPS ? gaps : [...gaps.slice(0, MAX_GAPS - 1), `and ${gaps.length - MAX_GAPS + 1} more pods`],
  };
}

/** A cumulative count is true at every bound that both have; the bounds of only one are left out. */
function addLatency(a: Latency, b: Latency): Latency {
  if (a.count === 0) return b;
  if (b.count === 0) return a;
  const add = ({ le, count }: Bucket) => {
    const other = countAt(b, le);
    return other === undefined ? [] : [{ le, count: count + other }];
  };
  return { buckets: a.buckets.flatMap(add), count: a.count + b.count };
}

function countAt(latency: Latency, le: number): number | undefined {
  return latency.buckets.find((bucket) => bucket.le === le)?.count;
}
