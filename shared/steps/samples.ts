import type { ModelIdentity } from "../domain/model.ts";
import type { PredictionSample, TargetPolicy } from "../domain/policy.ts";
import type { ModelRegistry } from "../ports/model-registry.ts";

/** The policy's samples, or else the request the model was logged with; empty when there is neither. */
export async function readSamples(
  registry: ModelRegistry,
  policy: TargetPolicy,
  model: ModelIdentity,
  signal: AbortSignal,
): Promise<readonly PredictionSample[]> {
  const { samples } = policy.verify.predictions;
  if (samples.length > 0) return samples;
  const request = await registry.readInputExample(model, signal);
  return request === undefined ? [] : [{ request, tolerance: 0 }];
}
