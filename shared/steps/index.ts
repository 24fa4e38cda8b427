import type { Step } from "../domain/pipeline.ts";
import { type BuildDependencies, createBuild } from "./build.ts";
import { createRollback } from "./rollback.ts";
import { createRollout } from "./rollout.ts";
import type { ReadPolicy, StepHandler } from "./step.ts";
import { createValidate } from "./validate.ts";
import { createVerify } from "./verify.ts";

export type StepDependencies = BuildDependencies;

/** One handler a step; the compiler says when one is missing. */
export function createSteps(
  dependencies: StepDependencies & { readPolicy: ReadPolicy },
): Readonly<Record<Step, StepHandler>> {
  return {
    validate: createValidate(dependencies),
    build: createBuild(dependencies),
    rollout: createRollout(dependencies),
    verify: createVerify(dependencies),
    rollback: createRollback(dependencies),
  };
}
