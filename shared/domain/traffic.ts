import type { Exposition } from "./exposition.ts";
import { parseNumber, type Sample } from "./exposition-line.ts";

/** How many requests took at most so long. */
export interface Bucket {
  /** The upper bound in seconds; always finite. */
  le: number;
  /** Cumulative. */
  count: number;
}

/** A histogram of latencies. */
export interface Latency {
  /** By rising bound. */
  buckets: readonly Bucket[];
  /** The bucket without a bound: every request. */
  count: number;
}

/** What was served: by one pod since its container started, or by one side in a window. */
export interface Traffic {
  requests: number;
  errors: number;
  latency: Latency;
}

/** How the pods of a target name what they count. */
export interface TrafficNames {
  /** A counter of answered requests. */
  requests: string;
  /** A histogram of seconds, without its suffix. */
  latency: string;
  /** The label of `requests` that holds the answer's status: the first of these that a sample has. */
  codeLabels: readonly string[];
  /** Which of those are errors; an `x` stands for any digit. */
  errorCodes: readonly string[];
  /** Only samples whose labels have one of these values count: predictions, not probes and scrapes. */
  only: Readonly<Record<string, readonly string[]>>;
  /** A gauge that is 1 for the model that is served, and its label that holds the version. */
  model: { name: string; versionLabel: string };
}

/** Of the default serving image, `infra/serving/`. */
export const DEFAULT_TRAFFIC_NAMES: TrafficNames = {
  requests: "http_requests_total",
  latency: "http_request_duration_seconds",
  codeLabels: ["code", "status"],
  errorCodes: ["5xx"],
  only: { method: ["POST"], path: ["/predict", "/invocations"] },
  model: { name: "belay_model_info", versionLabel: "version" },
};

/** `unreadable`: the metrics do not say it, and why, in one sentence. */
export type TrafficReading =
  | { kind: "traffic"; traffic: Traffic; modelVersion?: string }
  | { kind: "unreadable"; reason: string };

/** A record keeps the histograms of both sides. */
const MAX_BUCKETS = 100;

/** What one pod says it has served so far. */
export function readTraffic(exposition: Exposition, names: TrafficNames = DEFAULT_TRAFFIC_NAMES): TrafficReading {
  const bucket = `${names.latency}_bucket`;
  const counted = exposition.samples.filter(({ labels }) => isCounted(labels, names));
  const requests = counted.filter(({ name }) => name === names.requests);
  const bounds = counted.filter(({ name }) => name === bucket);
  const fault =
    absence(exposition, names.requests) ??
    absence(exposition, bucket) ??
    countFault([...requests, ...bounds]) ??
    codeFault(requests, names);
  const latency = toLatency(bounds);
  if (fault !== undefined) return { kind: "unreadable", reason: fault };
  if (typeof latency === "string") return { kind: "unreadable", reason: `${bucket} ${latency}` };
  const errors = requests.filter(({ labels }) => isError(codeOf(labels, names), names));
  const traffic = { requests: sum(requests), errors: sum(errors), latency };
  return { kind: "traffic", traffic, ...modelVersion(exposition, names) };
}

/** A pod without traffic yet says nothing but a metric's type; one that does not say even this counts something else. */
function absence({ samples, families, malformedNames }: Exposition, name: string): string | undefined {
  if (malformedNames.has(name)) return `a line of ${name} is malformed`;
  // OpenMetrics announces a counter without its suffix, and both formats a histogram.
  if (families.has(name) || families.has(name.replace(/_(?:total|bucket)$/, ""))) return undefined;
  return samples.some((sample) => sample.name === name) ? undefined : `${name} is not among the metrics`;
}

function countFault(samples: readonly Sample[]): string | undefined {
  const odd = samples.find(({ value }) => !Number.isFinite(value) || value < 0);
  return odd === undefined ? undefined : `${odd.name} is ${odd.value}, which counts nothing`;
}

/** Without their codes all requests would seem to be well. */
function codeFault(requests: readonly Sample[], names: TrafficNames): string | undefined {
  if (requests.every(({ labels }) => codeOf(labels, names) !== undefined)) return undefined;
  return `${names.requests} has no label ${names.codeLabels.join(" or ")}`;
}

function isCounted(labels: Sample["labels"], names: TrafficNames): boolean {
  return Object.entries(names.only).every(([label, values]) => values.includes(labels.get(label) ?? ""));
}

function codeOf(labels: Sample["labels"], names: TrafficNames): string | undefined {
  return names.codeLabels.map((label) => labels.get(label)).find((code) => code !== undefined);
}

function isError(code: string | undefined, names: TrafficNames): boolean {
  return names.errorCodes.some(
    (pattern) =>
      pattern.length === code?.length &&
      [...pattern].every((sign, at) => (sign === "x" ? /\d/.test(code.charAt(at)) : sign === code.charAt(at))),
  );
}

/** The sum of all series, or what is wrong with it. */
function toLatency(bounds: readonly Sample[]): Latency | string {
  const counts = new Map<number, number>();
  for (const { labels, value } of bounds) {
    const le = parseNumber(labels.get("le") ?? "") ?? Number.NaN;
    counts.set(le, (counts.get(le) ?? 0) + value);
  }
  if (counts.has(Number.NaN) || counts.has(Number.NEGATIVE_INFINITY)) return "has a bound that is no number";
  if (counts.size > MAX_BUCKETS) return `has more than ${MAX_BUCKETS} bounds`;
  const count = counts.get(Number.POSITIVE_INFINITY);
  if (count === undefined && counts.size > 0) return "has no bound +Inf";
  const finite = [...counts].filter(([le]) => Number.isFinite(le)).sort(([a], [b]) => a - b);
  return { buckets: finite.map(([le, counted]) => ({ le, count: counted })), count: count ?? 0 };
}

/** Left out where the pod names none, or several. */
function modelVersion({ samples }: Exposition, { model }: TrafficNames): { modelVersion?: string } {
  const served = samples.filter(({ name, value }) => name === model.name && value === 1);
  const versions = new Set(served.map(({ labels }) => labels.get(model.versionLabel)));
  const [version, ...others] = versions;
  return version === undefined || others.length > 0 ? {} : { modelVersion: version };
}

function sum(samples: readonly Sample[]): number {
  return samples.reduce((total, { value }) => total + value, 0);
}
