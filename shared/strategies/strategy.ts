import type { TargetPolicy } from "../domain/policy.ts";

/** One change and one check of a strategy. */
export interface Stage {
  name: string;
}

/** Turns a policy into the stages a deployment goes through, in order; at least one. Pure. */
export type Strategy = (policy: TargetPolicy) => readonly [Stage, ...Stage[]];
