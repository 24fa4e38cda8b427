import { estimateP95, type P95Estimate, p95, type Quantile } from "./latency.ts";
import type { SideTraffic } from "./traffic-window.ts";
import type { Verdict } from "./verification.ts";

/** When a candidate is worse than the stable release. */
export interface AnalysisThresholds {
  /** On each side; with fewer nothing is decided. */
  minRequests: number;
  /** The candidate's; with fewer they are chance. */
  minErrors: number;
  /** Percentage points that the candidate's errors must lie above the stable's. */
  errorPoints: number;
  /** How many times the stable's p95 latency the candidate's must exceed. */
  latencyRatio: number;
}

export const DEFAULT_THRESHOLDS: AnalysisThresholds = {
  minRequests: 500,
  minErrors: 10,
  errorPoints: 1,
  latencyRatio: 1.5,
};

/** What one side's traffic comes to. */
export interface SideFigures {
  requests: number;
  errors: number;
  /** Of its requests; 0 without any. */
  errorPercent: number;
  /** What the verdict rests on. Absent when nothing was timed. */
  p95?: P95Estimate;
  /** What a dashboard shows for the same minutes. */
  quantile?: Quantile;
}

/** A verdict and what it was reached from; plain JSON. */
export interface Analysis {
  /** `Error`: one side could not be measured; `Inconclusive`: it served too little. */
  verdict: Verdict;
  /** One sentence. */
  found: string;
  thresholds: AnalysisThresholds;
  /** The evidence: `judge` with it and the thresholds gives this analysis again. */
  evidence: { candidate: SideTraffic; stable: SideTraffic };
  candidate: SideFigures;
  stable: SideFigures;
}

type Sides = Pick<Analysis, "candidate" | "stable">;

/** Whether the candidate served worse than the stable release in the same minutes. */
export function judge(
  candidate: SideTraffic,
  stable: SideTraffic,
  thresholds: AnalysisThresholds = DEFAULT_THRESHOLDS,
): Analysis {
  const evidence = { candidate, stable };
  const sides = { candidate: toFigures(candidate), stable: toFigures(stable) };
  const { verdict, found } = decide(evidence, sides, thresholds);
  const [gap, ...others] = [...candidate.gaps, ...stable.gaps];
  const more = others.length === 0 ? "" : `, and ${others.length} more`;
  return {
    verdict,
    found: gap === undefined ? found : `${found} (${gap}${more})`,
    thresholds,
    evidence,
    ...sides,
  };
}

function toFigures({ requests, errors, latency }: SideTraffic): SideFigures {
  const [estimate, quantile] = [estimateP95(latency), p95(latency)];
  return {
    requests,
    errors,
    errorPercent: requests === 0 ? 0 : (100 * errors) / requests,
    ...(estimate === undefined ? {} : { p95: estimate }),
    ...(quantile === undefined ? {} : { quantile }),
  };
}

/** In this order: what was not measured, what is too little, what is worse. */
function decide(
  { candidate, stable }: Analysis["evidence"],
  sides: Sides,
  thresholds: AnalysisThresholds,
): Pick<Analysis, "verdict" | "found"> {
  const { minRequests } = thresholds;
  if (candidate.pods === 0) return { verdict: "Error", found: "no pod of the candidate could be measured" };
  if (stable.pods === 0) return { verdict: "Error", found: "no pod of the stable release could be measured" };
  if (Math.min(candidate.requests, stable.requests) < minRequests) {
    const found = `${candidate.requests} requests to the candidate and ${stable.requests} to the stable release`;
    return { verdict: "Inconclusive", found: `too few to compare: ${found}, at least ${minRequests} needed to each` };
  }
  const p95s = compareP95(candidate, stable, minRequests);
  const slower = typeof p95s === "string" ? undefined : latencyFault(p95s, thresholds);
  const worse = [errorFault(sides, thresholds), slower].filter((fault) => fault !== undefined);
  if (worse.length > 0) return { verdict: "Failed", found: worse.join("; ") };
  if (typeof p95s === "string") return { verdict: "Error", found: `latency cannot be compared: ${p95s}` };
  const found = `${describeErrors(sides)}; ${describeLatency(p95s)}`;
  return { verdict: "Successful", found: `no worse than the stable release: ${found}` };
}

interface P95s {
  candidate: P95Estimate;
  stable: P95Estimate;
}

/** Or why not: a histogram that misses most requests, or has no bounds, is measured wrongly, and waiting does not help. */
function compareP95(candidate: SideTraffic, stable: SideTraffic, minRequests: number): P95s | string {
  const [its, usual] = [candidate.latency.count, stable.latency.count];
  const found = `of ${candidate.requests} and ${stable.requests} requests ${its} and ${usual} were timed`;
  // A look may fall between the two counts of a request.
  if (Math.min(its, usual) < 0.9 * minRequests) return found;
  const p95s = { candidate: estimateP95(candidate.latency), stable: estimateP95(stable.latency) };
  if (p95s.candidate === undefined || p95s.stable === undefined) return `${found}, one side's without bounds`;
  return { candidate: p95s.candidate, stable: p95s.stable };
}

function errorFault(sides: Sides, { minErrors, errorPoints }: AnalysisThresholds): string | undefined {
  const { candidate, stable } = sides;
  // In whole numbers: 1.5 % less 0.5 % is not quite 1 in binary fractions.
  const excess = 100 * (candidate.errors * stable.requests - stable.errors * candidate.requests);
  if (candidate.errors < minErrors || excess < errorPoints * candidate.requests * stable.requests) return undefined;
  const points = errorPoints === 1 ? "1 percentage point" : `${errorPoints} percentage points`;
  return `${describeErrors(sides)} of the stable release, at least ${minErrors} and ${points} more`;
}

/** Over the ratio, and surely slower at all: of what differs by chance nearly nothing is both. */
function latencyFault(p95s: P95s, { latencyRatio }: AnalysisThresholds): string | undefined {
  const { candidate, stable } = p95s;
  if (candidate.seconds <= latencyRatio * stable.seconds) return undefined;
  if (stable.atMost === undefined || candidate.atLeast <= stable.atMost) return undefined;
  return `${describeLatency(p95s)} of the stable release, more than ${latencyRatio} times as long`;
}

function describeErrors({ candidate, stable }: Sides): string {
  return `errors in ${describeShare(candidate)} requests against ${describeShare(stable)}`;
}

function describeShare({ errors, requests, errorPercent }: SideFigures): string {
  return `${errors} of ${requests} (${Number(errorPercent.toFixed(2))} %)`;
}

function describeLatency({ candidate, stable }: P95s): string {
  return `p95 latency ${describeSeconds(candidate)} against ${describeSeconds(stable)}`;
}

function describeSeconds({ seconds, atMost }: P95Estimate): string {
  const text = seconds < 1 ? `${Number((seconds * 1000).toPrecision(3))} ms` : `${Number(seconds.toPrecision(3))} s`;
  return atMost === undefined ? `${text} or more` : text;
}
