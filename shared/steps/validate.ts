import { deploymentId, type GateVerdict } from "../domain/deployment.ts";
import { describeModel, type ModelVersion, sameModel } from "../domain/model.ts";
import type { Outcome } from "../domain/outcome.ts";
import { failed, type Problem } from "../domain/problem.ts";
import { describePointer } from "../domain/promotion.ts";
import type { StableRelease } from "../domain/target.ts";
import { GATES } from "../gates/index.ts";
import type { DeploymentStore } from "../ports/deployment-store.ts";
import type { ImageRegistry } from "../ports/image-registry.ts";
import type { ModelRegistry } from "../ports/model-registry.ts";
import { findKept } from "./find-kept.ts";
import { readSamples } from "./samples.ts";
import type { StepHandler, Visiting } from "./step.ts";

/** Seconds between looks at a version that is still being registered. */
const PENDING_LOOK_SECONDS = 10;

export interface ValidateDependencies {
  registry: ModelRegistry;
  store: DeploymentStore;
  images: ImageRegistry;
}

/**
 * The version exists, is READY, is still what its pointer says, meets its gates, and can be tried. Of one that was
 * proven here before by the same policy, nothing but that its release is still whole.
 */
export function createValidate({ registry, store, images }: ValidateDependencies): StepHandler {
  return async (visiting) => {
    const { deployment, signal } = visiting;
    const { model } = deployment;
    const kept = await findKept({ store, images }, visiting);
    if (kept !== undefined) return goBackTo(kept, deployment.target);
    const version = await registry.readVersion(model.name, model.version, signal);
    if (version === undefined || !sameModel(version, model))
      return reject(failed("version-missing", `${describeModel(model)} is no longer in the registry.`));
    if (version.status === "PENDING_REGISTRATION")
      return {
        result: "running",
        resumeAfterSeconds: PENDING_LOOK_SECONDS,
        found: "the version is still being registered",
      };
    if (version.status !== "READY")
      return reject(failed("version-not-ready", `${describeModel(model)} is ${version.status}, not READY.`));
    return (await pointerProblem(registry, visiting)) ?? (await judge(registry, visiting, version));
  };
}

function goBackTo({ releaseId, image, generation, model }: StableRelease, target: string): Outcome {
  const found = `${describeModel(model)} was proven here by ${deploymentId({ target, generation })}: the release kept since goes out`;
  return { result: "succeeded", found, work: { release: { id: releaseId, image } } };
}

async function pointerProblem(registry: ModelRegistry, { deployment, signal }: Visiting): Promise<Outcome | undefined> {
  const { pointer } = deployment.promotion;
  const pointed = await registry.resolve(deployment.model.name, pointer, signal);
  if (pointed !== undefined && sameModel(pointed, deployment.model)) return undefined;
  const now = pointed === undefined ? "no version" : `version ${pointed.version}`;
  return reject(
    failed("pointer-moved", `The ${describePointer(pointer)} of ${deployment.model.name} points to ${now} now.`),
  );
}

async function judge(registry: ModelRegistry, { policy, signal }: Visiting, version: ModelVersion): Promise<Outcome> {
  const metrics = await registry.readMetrics(version, signal);
  const gates = policy.gates.map((gate) => GATES[gate.kind](gate, metrics));
  const problem = gateProblem(gates) ?? (await sampleProblem(registry, policy, version, signal));
  if (problem !== undefined) return { result: "failed", problem, found: problem.message, work: { gates } };
  const found = gates.length === 0 ? "READY, no gates asked for" : `READY, ${gates.map(describe).join(", ")}`;
  return { result: "succeeded", found, work: { gates } };
}

function gateProblem(gates: readonly GateVerdict[]): Problem | undefined {
  const missed = gates.filter(({ passed }) => !passed);
  const first = missed[0];
  if (first === undefined) return undefined;
  return failed(
    first.value === "missing" ? "gate-unmeasured" : "gate-failed",
    `Gates not met: ${missed.map(describe).join(", ")}.`,
  );
}

async function sampleProblem(
  registry: ModelRegistry,
  policy: Visiting["policy"],
  version: ModelVersion,
  signal: AbortSignal,
): Promise<Problem | undefined> {
  if ((await readSamples(registry, policy, version, signal)).length > 0) return undefined;
  return failed(
    "no-samples",
    "There is nothing to make a test prediction with: no samples in the policy, no input example in the model.",
  );
}

function describe({ gate, value, threshold }: GateVerdict): string {
  return `${gate} is ${value} (must be ${threshold})`;
}

function reject(problem: Problem): Outcome {
  return { result: "failed", problem, found: problem.message };
}
