import type { TargetPolicy } from "../domain/policy.ts";

/** What keeps a target's policy from ever working, and the entry that shows it. */
export interface Fault {
  /** Below the target. */
  path: readonly string[];
  found: string;
  allowed: string;
  remedy: string;
}

type Rule = (policy: TargetPolicy) => Fault | undefined;

/** A scheduled message comes up to this much late. */
const MESSAGE_SLACK_SECONDS = 2;
/** All predictions are made in one visit, which is aborted at 240 s. */
const VISIT_SECONDS = 200;
/** A prediction is waited for this much longer than it may take. */
const PATIENCE_SECONDS = 1;

/** Every reason why this policy could not work, whatever the model. Pure. */
export function findFaults(policy: TargetPolicy): readonly Fault[] {
  return RULES.flatMap((rule) => rule(policy) ?? []);
}

const canReplacePods: Rule = ({ rollout: { maxSurge, maxUnavailable } }) => {
  if (maxSurge + maxUnavailable > 0) return undefined;
  return {
    path: ["rollout", "maxSurge"],
    found: "0 together with a maxUnavailable of 0",
    allowed: "one of the two above 0",
    remedy: "Set maxSurge or maxUnavailable to 1 or more: with neither no pod can ever be replaced.",
  };
};

const canStart: Rule = ({ rollout: { startupSeconds, timeoutSeconds } }) => {
  if (startupSeconds < timeoutSeconds) return undefined;
  return {
    path: ["rollout", "startup"],
    found: `${startupSeconds}s`,
    allowed: `less than the rollout's timeout of ${timeoutSeconds}s`,
    remedy: "Shorten rollout.startup or lengthen rollout.timeout.",
  };
};

const canSucceed: Rule = ({ verify: { health } }) => {
  if (health.successes <= health.attempts) return undefined;
  return {
    path: ["verify", "health", "successes"],
    found: String(health.successes),
    allowed: `at most the ${health.attempts} attempts there are`,
    remedy: "Lower verify.health.successes or raise verify.health.attempts.",
  };
};

const fitsItsTimeout: Rule = ({ verify: { health, predictions, timeoutSeconds } }) => {
  const attempt = health.intervalSeconds + MESSAGE_SLACK_SECONDS + health.timeoutSeconds;
  const needed = health.attempts * attempt + predictionsOf(predictions) * predictions.maxLatencySeconds;
  if (needed <= timeoutSeconds) return undefined;
  return {
    path: ["verify", "timeout"],
    found: `${timeoutSeconds}s for a check that may take ${Math.ceil(needed)}s`,
    allowed: `at least ${Math.ceil(needed)}s`,
    remedy: `Lengthen verify.timeout, or make fewer attempts: each counts its interval, its timeout and ${MESSAGE_SLACK_SECONDS}s for its message.`,
  };
};

const fitsOneVisit: Rule = ({ verify: { predictions } }) => {
  const needed = predictionsOf(predictions) * (predictions.maxLatencySeconds + PATIENCE_SECONDS);
  if (needed <= VISIT_SECONDS) return undefined;
  return {
    path: ["verify", "predictions", "maxLatency"],
    found: `${predictions.maxLatencySeconds}s for each of ${predictionsOf(predictions)} predictions`,
    allowed: `predictions that are all answered within ${VISIT_SECONDS}s, each given ${PATIENCE_SECONDS}s more`,
    remedy: "Lower verify.predictions.count, the number of samples, or maxLatency.",
  };
};

/** Every sample is sent at least once. */
function predictionsOf({ count, samples }: TargetPolicy["verify"]["predictions"]): number {
  return Math.max(count, samples.length);
}

const RULES: readonly Rule[] = [canReplacePods, canStart, canSucceed, fitsItsTimeout, fitsOneVisit];
