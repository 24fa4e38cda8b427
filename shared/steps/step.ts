import type { Running } from "../domain/deployment.ts";
import type { Outcome } from "../domain/outcome.ts";
import type { TargetPolicy } from "../domain/policy.ts";
import type { Target } from "../domain/target.ts";
import type { Token } from "../domain/token.ts";

/** What a handler is given for one visit. */
export interface Visiting {
  deployment: Running;
  target: Target;
  policy: TargetPolicy;
  /** The save that decided this visit; every change to the cluster carries it. */
  token: Token;
  /** By the table's clock, epoch milliseconds. */
  now: number;
  /** Aborts when the visit has had its time. */
  signal: AbortSignal;
}

/** A policy as it was stored. Errors: TransientError; PermanentError when it cannot be read any more. */
export type ReadPolicy = (target: string, policyId: string) => Promise<TargetPolicy>;

/** Looks once, acts at most once, and reports. What it throws becomes an `errored` outcome. */
export type StepHandler = (visiting: Visiting) => Promise<Outcome>;
