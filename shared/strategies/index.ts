import type { StrategyName } from "../domain/policy.ts";
import { rolling } from "./rolling.ts";
import type { Strategy } from "./strategy.ts";

/** Every strategy by the name the policy uses. */
export const STRATEGIES: Readonly<Record<StrategyName, Strategy>> = { rolling };
