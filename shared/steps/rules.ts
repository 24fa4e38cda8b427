import type { Rules } from "../domain/advance.ts";
import { PIPELINE, type Step } from "../domain/pipeline.ts";
import type { TargetPolicy } from "../domain/policy.ts";
import { STRATEGIES } from "../strategies/index.ts";

/** What `advance` needs of a policy: each step's timeout, and how many stages its strategy has. */
export function rulesOf(policy: TargetPolicy): Rules {
  const stages = STRATEGIES[policy.rollout.strategy](policy).length;
  const fromPolicy: Partial<Record<Step, number>> = {
    build: policy.build.timeoutSeconds,
    rollout: policy.rollout.timeoutSeconds,
    verify: policy.verify.timeoutSeconds,
  };
  const seconds = (step: Step): number => {
    const { timeoutSeconds } = PIPELINE[step];
    return timeoutSeconds === "policy" ? (fromPolicy[step] ?? 0) : timeoutSeconds;
  };
  return {
    stages,
    timeoutSeconds: {
      validate: seconds("validate"),
      build: seconds("build"),
      rollout: seconds("rollout"),
      verify: seconds("verify"),
      rollback: seconds("rollback"),
    },
  };
}
