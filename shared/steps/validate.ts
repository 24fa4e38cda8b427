import { deploymentId, type GateVerdict } from "../domain/deployment.ts";
import { describeModel, type ModelVersion, sameModel } from "../domain/model.ts";
import { movedBack } from "../domain/moved-back.ts";
import type { Outcome } from "../domain/outcome.ts";
import { failed, type Problem } from "../domain/problem.ts";
import { describePointer } from "../domain/promotion.ts";
import { GATES } from "../gates/index.ts";
import type { ModelRegistry } from "../ports/model-registry.ts";
import { type KeptDependencies, takeKept } from "./find-kept.ts";
import { readSamples } from "./samples.ts";
import type { StepHandler, Visiting } from "./step.ts";

/** Seconds between looks at a version that is still being registered. */
const PENDING_LOOK_SECONDS = 10;

export type ValidateDependencies = KeptDependencies & { registry: ModelRegistry };

/**
 * The version exists, is READY, is still what its pointer says, meets its gates, and can be tried. Where building it
 * would come to the release that was proven here before, that release goes out again: the fast path. What the policy
 * does not go back to is refused before all that.
 */
export function createValidate(dependencies: ValidateDependencies): StepHandler {
  const { registry } = dependencies;
  return async (visiting) => {
    const { deployment, target, policy, signal } = visiting;
    const { model } = deployment;
    // Asked again: what it has waited for may have become stable since it was accepted.
    const back = movedBack(policy, target, deployment.promotion, model);
    if (back !== undefined) return reject(back);
    const version = await registry.readVersion(model.name, model.version, signal);
    if (version === undefined || !sameModel(version, model))
      return reject(failed("version-missing", `${describeModel(model)} is no longer in the registry.`));
    return (
      unready(version) ??
      (await pointerProblem(registry, visiting)) ??
      (await goBack(dependencies, visiting, version)) ??
      (await judge(registry, visiting, version))
    );
  };
}

function unready(version: ModelVersion): Outcome | undefined {
  if (version.status === "READY") return undefined;
  if (version.status !== "PENDING_REGISTRATION")
    return reject(failed("version-not-ready", `${describeModel(version)} is ${version.status}, not READY.`));
  return {
    result: "running",
    resumeAfterSeconds: PENDING_LOOK_SECONDS,
    found: "the version is still being registered",
  };
}

async function goBack(
  dependencies: ValidateDependencies,
  { deployment, target, policy, signal }: Visiting,
  model: ModelVersion,
): Promise<Outcome | undefined> {
  const kept = await takeKept(dependencies, { target, model, policy, policyId: deployment.policyId }, signal);
  if (kept === undefined) return undefined;
  const { releaseId, image, generation } = kept;
  const by = deploymentId({ target: target.name, generation });
  return {
    result: "succeeded",
    found: `${describeModel(model)} was proven here by ${by}: the release kept since goes out`,
    work: { release: { id: releaseId, image } },
  };
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
