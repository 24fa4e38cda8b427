import type { Gate } from "../domain/policy.ts";
import type { GateEvaluator } from "./gate.ts";
import { metric } from "./metric.ts";

/** Every gate by its kind. */
export const GATES: { readonly [K in Gate["kind"]]: GateEvaluator<Extract<Gate, { kind: K }>> } = { metric };
