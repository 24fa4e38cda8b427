import type { NetworkNeeds } from "../domain/policy.ts";
import { DEFAULTS } from "./policy-defaults.ts";
import type { NetworkSection } from "./policy-network-schema.ts";

/** A target's own entries first, then those of the policy's defaults; nothing where neither says anything. */
export function toNetworkNeeds(
  own: NetworkSection | undefined,
  defaults: NetworkSection | undefined,
): { network?: NetworkNeeds } {
  if (own === undefined && defaults === undefined) return {};
  return { network: { ...DEFAULTS.network, ...defaults, ...own } };
}
