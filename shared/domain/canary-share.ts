/** How a target's pods are shared between the candidate and the stable release. */
export interface ReplicaShare {
  candidate: number;
  stable: number;
  /** Of all pods, and so of the traffic where every pod gets the same; from 0 to 1. */
  fraction: number;
  /** One sentence: what was wanted and what it is. */
  found: string;
}

/** The candidate's part of all pods, from 0 to 1; 0 where there is none. */
export function trueFraction(replicasCandidate: number, replicasStable: number): number {
  const total = replicasCandidate + replicasStable;
  return total === 0 ? 0 : replicasCandidate / total;
}

/**
 * The whole number of candidate pods that is nearest to a percentage, the smaller of two: at least one, and below
 * 100 % at most all but one. Undefined where fewer than two pods would have to be shared.
 */
export function replicasFor(percent: number, total: number): ReplicaShare | undefined {
  if (percent < 100 && total < 2) return undefined;
  const nearest = Math.ceil((percent * total) / 100 - 0.5);
  const candidate = percent >= 100 ? total : Math.min(Math.max(nearest, 1), total - 1);
  const stable = total - candidate;
  const fraction = trueFraction(candidate, stable);
  const exact = candidate * 100 === percent * total;
  const wanted = `${percent} % of ${total} pods`;
  const share = `${candidate} of ${total}`;
  const found = exact ? `${wanted}: ${share}` : `${wanted} does not exist: ${share}, ${Math.round(100 * fraction)} %`;
  return { candidate, stable, fraction, found };
}
