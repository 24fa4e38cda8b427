import type { MetricGate } from "../domain/policy.ts";
import type { GateEvaluator } from "./gate.ts";

/** A metric of the version's run strictly above, or strictly below, its threshold. */
export const metric: GateEvaluator<MetricGate> = (gate, metrics) => {
  const value = metrics.get(gate.metric);
  return {
    gate: gate.metric,
    value: value === undefined ? "missing" : String(value),
    threshold: `${gate.bound} ${gate.threshold}`,
    passed: value !== undefined && isMet(gate, value),
  };
};

/** Comparisons with NaN are false, so NaN never meets a gate. */
function isMet({ bound, threshold }: MetricGate, value: number): boolean {
  return bound === "above" ? value > threshold : value < threshold;
}
