import type { Wish } from "../domain/accept.ts";
import type { Deployment } from "../domain/deployment.ts";
import { canonicalJson, sha256 } from "../domain/digest.ts";
import type { TargetPolicy } from "../domain/policy.ts";
import type { Promotion } from "../domain/promotion.ts";
import { newTarget } from "../domain/target.ts";
import type { DeploymentStore, Versioned } from "../ports/deployment-store.ts";
import type { ModelRegistry } from "../ports/model-registry.ts";

/** Everything that decides about a promotion on one target, as it stands now. */
export interface WishRead {
  wish: Wish;
  /** The table's time, epoch milliseconds. */
  now: number;
  /** The policy as its id is made from it. */
  policyContent: string;
  /** The target's ETag; undefined: it has no row yet. */
  etag: string | undefined;
  /** The target's active and waiting deployments, where there are any. */
  open: readonly Versioned<Deployment>[];
}

/** Reads the target, then the registry. Errors: TransientError, PermanentError; a registry that cannot be read is not assumed. */
export async function readWish(
  { store, registry }: { store: DeploymentStore; registry: Pick<ModelRegistry, "resolve"> },
  policy: TargetPolicy,
  promotion: Promotion,
  signal: AbortSignal,
): Promise<WishRead> {
  const { now, record } = await store.readTarget(policy.target);
  const target = record?.value ?? newTarget(policy.target);
  const read = (generation: number | undefined) =>
    generation === undefined ? undefined : store.readDeployment(policy.target, generation);
  const [wanted, active, waiting] = await Promise.all([
    read(target.wanted?.generation),
    read(target.active),
    read(target.waiting),
  ]);
  const found = await registry.resolve(promotion.model, promotion.pointer, signal);
  const policyContent = canonicalJson(policy);
  return {
    wish: {
      promotion,
      policy,
      policyId: sha256(policyContent),
      target,
      wanted: wanted?.value,
      active: active?.value,
      waiting: waiting?.value,
      found,
    },
    now,
    policyContent,
    etag: record?.etag,
    open: [active, waiting].filter((one) => one !== undefined),
  };
}
