import type { GateVerdict } from "../domain/deployment.ts";
import type { Gate } from "../domain/policy.ts";

/** Decides whether a version's metrics meet one gate of the policy. Pure; a metric that is missing or NaN does not. */
export type GateEvaluator<G extends Gate> = (gate: G, metrics: ReadonlyMap<string, number>) => GateVerdict;
