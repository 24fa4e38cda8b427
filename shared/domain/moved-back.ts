import type { ModelIdentity } from "./model.ts";
import type { TargetPolicy } from "./policy.ts";
import { failed, type Problem } from "./problem.ts";
import { describePointer, type Promotion } from "./promotion.ts";
import type { Target } from "./target.ts";

/** Why a version older than the one that is live is not followed, where the policy keeps what is live; a person's word counts for more. */
export function movedBack(
  { movedBack: wanted }: Pick<TargetPolicy, "movedBack">,
  { stable }: Pick<Target, "stable">,
  { pointer, origin }: Promotion,
  { name, version }: ModelIdentity,
): Problem | undefined {
  if (wanted === "follow" || origin.kind === "person" || stable === undefined) return undefined;
  if (stable.model.name !== name || Number(version) >= Number(stable.model.version)) return undefined;
  return failed(
    "moved-back",
    `The ${describePointer(pointer)} moved back from version ${stable.model.version} to ${version}; the policy keeps what is live.`,
  );
}
