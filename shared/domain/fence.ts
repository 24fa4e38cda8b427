import type { Formerly } from "./target.ts";
import { compareTokens, type Token } from "./token.ts";

/** What the token on an object says about a visit that wants to change it. */
export type Fence =
  /** Ours, or the target's last: go on. */
  | "open"
  /** Decided later than this visit: stop, without failure. */
  | "newer"
  /** Neither the target's last nor our own: somebody else was here. */
  | "foreign";

/**
 * Whether a visit may change an object that is there. `formerly` says whose tokens may stand there; undefined where the table knows of none, as after its loss: then every older token is let through.
 */
export function fence(seen: Token | undefined, own: Token, formerly: Formerly | undefined): Fence {
  if (seen === undefined) return "foreign";
  if (compareTokens(seen, own) > 0) return "newer";
  if (seen.generation === own.generation) return "open";
  const expected = formerly === undefined || (seen.generation >= formerly.since && seen.generation <= formerly.last);
  return expected ? "open" : "foreign";
}
