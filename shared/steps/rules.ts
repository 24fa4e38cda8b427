import type { Rules } from "../domain/advance.ts";
import { PIPELINE, type Step } from "../domain/pipeline.ts";
import type { TargetPolicy } from "../domain/policy.ts";
import { STRATEGIES } from "../strategies/index.ts";

type Timeouts = Rules["timeoutSeconds"];

/** The pipeline's own timeouts, and the policy's where it has the say. */
function timeouts(fromPolicy: Partial<Timeouts>): Timeouts {
  const seconds = (step: Step): number => {
    const { timeoutSeconds } = PIPELINE[step];
    return fromPolicy[step] ?? (timeoutSeconds === "policy" ? 0 : timeoutSeconds);
  };
  return {
    validate: seconds("validate"),
    build: seconds("build"),
    rollout: seconds("rollout"),
    verify: seconds("verify"),
    rollback: seconds("rollback"),
  };
}

/** Where the policy is lost; only an ending or the way back can follow. */
export const RULES_OF_NONE: Rules = { stages: 1, timeoutSeconds: timeouts({}) };

/** What a bake takes, its last looks and predictions included. */
function bakeSeconds({ rollout: { bakeSeconds = 0 }, verify }: TargetPolicy): number {
  return bakeSeconds === 0 ? 0 : bakeSeconds + verify.timeoutSeconds;
}

/** What `advance` needs of a policy: each step's timeout, and how many stages its strategy has. */
export function rulesOf(policy: TargetPolicy): Rules {
  return {
    stages: STRATEGIES[policy.rollout.strategy](policy).length,
    timeoutSeconds: timeouts({
      build: policy.build.timeoutSeconds,
      rollout: policy.rollout.timeoutSeconds,
      verify: policy.verify.timeoutSeconds + bakeSeconds(policy),
      // The stable release's pods may take as long to start as the candidate's.
      rollback: Math.max(RULES_OF_NONE.timeoutSeconds.rollback, policy.rollout.timeoutSeconds),
    }),
  };
}
