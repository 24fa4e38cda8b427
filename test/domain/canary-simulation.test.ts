import { describe, expect, it } from "vitest";
import { type Analysis, judge } from "../../shared/domain/analysis.ts";
import type { Traffic } from "../../shared/domain/traffic.ts";
import { measureWindow, type PodReading, type Side } from "../../shared/domain/traffic-window.ts";
import { type Chance, createChance, mix } from "../simulation/kernel/random.ts";
import { NOW } from "./build.ts";

/** Seconds, as `infra/serving/` serves them. */
const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 0.75, 1, 2.5, 5, 10, 30];
const PODS = 10;

/** How long a request takes, in seconds. */
type Draw = (chance: Chance) => number;

function logNormal(median: number, sigma: number): Draw {
  return (chance) => {
    const normal = Math.sqrt(-2 * Math.log(1 - chance.next())) * Math.cos(2 * Math.PI * chance.next());
    return median * Math.exp(sigma * normal);
  };
}

/** One request in twenty takes twenty times as long: of two samples one has its p95 among them and the other not. */
function cliff(median: number): Draw {
  const usual = logNormal(median, 0.25);
  return (chance) => usual(chance) * (chance.happens(0.05) ? 20 : 1);
}

/** The bucket of each of many latencies, drawn once: the requests of a release pick from them. */
type Latencies = Uint8Array<ArrayBuffer>;

interface Population {
  usual: Latencies;
  doubled: Latencies;
}

function drawLatencies(draw: Draw, at: number): Population {
  const chance = createChance(mix(1, at));
  const seconds = Float64Array.from({ length: 16_384 }, () => draw(chance));
  const toBuckets = (factor: number) => Uint8Array.from(seconds, (one) => bucketOf(one * factor));
  return { usual: toBuckets(1), doubled: toBuckets(2) };
}

function bucketOf(seconds: number): number {
  const at = BOUNDS.findIndex((bound) => seconds <= bound);
  return at === -1 ? BOUNDS.length : at;
}

interface Release {
  side: Side;
  pods: number;
  requests: number;
  /** The part of its requests that are errors. */
  errors: number;
  latencies: Latencies;
}

/** What each pod has counted after so many requests, which go to one after the other. */
function serve(chance: Chance, { side, pods, requests, errors, latencies }: Release): PodReading[] {
  return Array.from({ length: pods }, (_, at) => {
    const counts = new Uint32Array(BOUNDS.length + 1);
    let failed = 0;
    for (let request = at; request < requests; request += pods) {
      const bucket = latencies[Math.floor(chance.next() * latencies.length)] ?? 0;
      counts[bucket] = (counts[bucket] ?? 0) + 1;
      if (chance.happens(errors)) failed++;
    }
    const reading = { kind: "traffic", traffic: toTraffic(counts, failed) } as const;
    return { pod: `${side}-${at}`, side, startedAt: NOW - 3_600_000, reading };
  });
}

function toTraffic(counts: Uint32Array, errors: number): Traffic {
  let count = 0;
  const buckets = [...BOUNDS, Number.POSITIVE_INFINITY].map((le, at) => {
    count += counts[at] ?? 0;
    return { le, count };
  });
  return { requests: count, errors, latency: { buckets: buckets.slice(0, -1), count } };
}

function compare(candidate: readonly PodReading[], stable: readonly PodReading[]): Analysis {
  const nothing = toTraffic(new Uint32Array(BOUNDS.length + 1), 0);
  const pods = [...candidate, ...stable];
  const before = pods.map((pod) => ({ ...pod, reading: { kind: "traffic", traffic: nothing } as const }));
  const window = measureWindow({ at: NOW, pods: before }, { at: NOW + 600_000, pods });
  return judge(window.candidate, window.stable);
}

interface Cell {
  /** To the candidate's pods; the stable ones have as many each. */
  requests: number;
  /** The candidate's. */
  pods: number;
  canaries: number;
}

/** Of how many canaries each kind was aborted. */
interface Aborted {
  equal: number;
  failing: number;
  doubled: number;
  /** Of the equal ones: by the quantile of the histogram alone. */
  naive: number;
}

/** Every canary of its own seed: against the same stable pods an equal one, one with 5 % errors and one of twice the latency. */
function simulate(cell: Cell, populations: readonly Population[]): Aborted {
  const aborted = { equal: 0, failing: 0, doubled: 0, naive: 0 };
  for (let canary = 0; canary < cell.canaries; canary++) {
    const chance = createChance(mix(2, canary, cell.requests, cell.pods));
    const { usual, doubled } = populations[chance.between(0, populations.length - 1)] as Population;
    const rest = { side: "stable" as const, pods: PODS - cell.pods, errors: 0.005, latencies: usual };
    const stable = serve(chance, { ...rest, requests: (cell.requests * rest.pods) / cell.pods });
    const run = (errors: number, latencies: Latencies) =>
      compare(
        serve(chance, { side: "candidate", pods: cell.pods, requests: cell.requests, errors, latencies }),
        stable,
      );
    const equal = run(0.005, usual);
    if (equal.verdict === "Failed") aborted.equal++;
    if (Number(equal.candidate.quantile?.seconds) > 1.5 * Number(equal.stable.quantile?.seconds)) aborted.naive++;
    if (run(0.05, usual).verdict === "Failed") aborted.failing++;
    if (run(0.005, doubled).verdict === "Failed") aborted.doubled++;
  }
  return aborted;
}

function say(what: string, { requests, pods, canaries }: Cell, of: Aborted) {
  const rate = (count: number) => `${((100 * count) / canaries).toFixed(1)} %`;
  const naive = `${rate(of.naive)} by the histogram's p95 alone`;
  process.stdout.write(
    `${what}, ${requests} requests to ${pods} of ${PODS} pods, ${canaries} of each: aborted of equal ones ${rate(of.equal)} (${naive}), with 5 % errors ${rate(of.failing)}, with doubled latency ${rate(of.doubled)}\n`,
  );
}

const cells: Cell[] = [1, 3, 5].flatMap((pods) => [
  { requests: 500, pods, canaries: 1_000 },
  { requests: 1_000, pods, canaries: 1_000 },
  { requests: 5_000, pods, canaries: 200 },
]);

describe("of many canaries, judged by what their pods counted", { timeout: 120_000 }, () => {
  // Some lie so that a p95 and its double fall into the widest buckets.
  const medians = [0.004, 0.008, 0.02, 0.06, 0.22, 0.7, 1.3];
  const populations = [0.25, 0.5, 0.75, 1]
    .flatMap((sigma) => medians.map((median) => logNormal(median, sigma)))
    .map(drawLatencies);

  it.each(cells)("with $requests requests to $pods of 10 pods, equal ones are not aborted, worse ones are", (cell) => {
    const aborted = simulate(cell, populations);
    say("log-normal", cell, aborted);
    expect(aborted.equal).toBeLessThanOrEqual(0.01 * cell.canaries);
    expect(aborted.failing).toBeGreaterThanOrEqual(0.99 * cell.canaries);
    if (cell.requests >= 1_000) expect(aborted.doubled).toBeGreaterThanOrEqual(0.99 * cell.canaries);
  });

  const cliffs = [0.004, 0.02, 0.06, 0.22].map(cliff).map(drawLatencies);
  it.each(cells.filter(({ requests, pods }) => requests <= 1_000 && pods !== 3))(
    "with $requests requests to $pods of 10 pods, equal ones whose p95 lies at a cliff are not aborted, though that alone would",
    (cell) => {
      const aborted = simulate(cell, cliffs);
      say("at a cliff", cell, aborted);
      expect(aborted.naive).toBeGreaterThan(0.1 * cell.canaries);
      expect(aborted.equal).toBeLessThanOrEqual(0.01 * cell.canaries);
      expect(aborted.failing).toBeGreaterThanOrEqual(0.99 * cell.canaries);
    },
  );
});
