import type { Bucket, Latency } from "./traffic.ts";

/** A quantile as Prometheus reads it out of a histogram, and the bucket it lies in. */
export interface Quantile {
  seconds: number;
  /** Seconds; the true value is above this. */
  lower: number;
  /** Seconds; the true value is at most this. Absent when it lies beyond the last bound. */
  upper?: number;
}

/** What is known of the true p95 behind a sample of requests. */
export interface P95Estimate {
  seconds: number;
  /** Seconds; that the true one is less has a chance of 1 in 100. */
  atLeast: number;
  /** Seconds; that the true one is more has a chance of 1 in 100. Absent when it may lie beyond the last bound. */
  atMost?: number;
}

const P = 0.95;
/** Of the normal distribution: one in a hundred lies above. */
const ONE_IN_A_HUNDRED = 2.326;

/**
 * As histogram_quantile does: linear within a bucket, from 0 in the first one, the last bound beyond it, and a count
 * that falls from bound to bound taken for the highest before it. Undefined without requests or without bounds.
 * https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile
 */
export function p95(latency: Latency): Quantile | undefined {
  const place = locate(latency, P);
  if (place === undefined) return undefined;
  const { lower, upper, share } = place;
  return upper === undefined ? { seconds: lower, lower } : { seconds: lower + (upper - lower) * share, lower, upper };
}

/**
 * Between two bounds the odds of being faster are taken to grow as a power of the time, which is near the truth for
 * latencies. A straight line is not: with bounds of 1, 2.5 and 5 s it takes 1.3 s for 1.9 s and 2.6 s for 2.9 s, and
 * no number of requests would show that they doubled. The limits are the order statistics between which the true
 * p95 lies whatever the distribution: where about 5 in 100 requests are slow, of two equal samples one has its p95
 * among them and the other has not.
 */
export function estimateP95(latency: Latency): P95Estimate | undefined {
  const deviation = ONE_IN_A_HUNDRED * Math.sqrt((P * (1 - P)) / Math.max(1, latency.count));
  const place = locate(latency, P);
  const least = locate(latency, P - deviation);
  const most = locate(latency, Math.min(1, P + deviation));
  if (place === undefined || least === undefined || most === undefined) return undefined;
  const limit = most.upper === undefined ? {} : { atMost: secondsAt(most) };
  return { seconds: secondsAt(place), atLeast: secondsAt(least), ...limit };
}

function secondsAt({ lower, upper, share, shareOfOdds }: Place): number {
  if (upper === undefined) return lower;
  // A power has no place for 0 and less.
  return lower <= 0 ? lower + (upper - lower) * share : lower * (upper / lower) ** shareOfOdds;
}

/** Where a level of the distribution lies among the bounds. */
interface Place {
  lower: number;
  /** Absent beyond the last bound. */
  upper?: number;
  /** How far into the bucket, from 0 to 1, by the number of requests. */
  share: number;
  /** How far into the bucket, from 0 to 1, by the logarithm of the odds. */
  shareOfOdds: number;
}

function locate(latency: Latency, level: number): Place | undefined {
  const buckets = rising(latency.buckets);
  const last = buckets.at(-1);
  const total = Math.max(latency.count, last?.count ?? 0);
  if (last === undefined || total === 0) return undefined;
  const rank = level * total;
  const at = buckets.findIndex(({ count }) => count >= rank);
  const bucket = buckets[at];
  if (bucket === undefined) return { lower: last.le, share: 0, shareOfOdds: 0 };
  const { le, count } = buckets[at - 1] ?? { le: Math.min(0, bucket.le), count: 0 };
  const share = (rank - count) / (bucket.count - count);
  const [from, to] = [logOdds(count / total), logOdds(bucket.count / total)];
  const shareOfOdds = to > from ? (logOdds(level) - from) / (to - from) : share;
  return { lower: le, upper: bucket.le, share, shareOfOdds };
}

/** At 0 and 1 they have no end; nearer than this a sample of 500 does not come, and a larger one must not differ by it. */
function logOdds(part: number): number {
  const within = Math.min(Math.max(part, 0.001), 0.999);
  return Math.log(within / (1 - within));
}

function rising(buckets: readonly Bucket[]): readonly Bucket[] {
  let highest = 0;
  return buckets.map(({ le, count }) => {
    highest = Math.max(highest, count);
    return { le, count: highest };
  });
}
