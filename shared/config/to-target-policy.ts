import type { ClusterReference, TargetPolicy } from "../domain/policy.ts";
import { DEFAULTS } from "./policy-defaults.ts";
import type { Sections, TargetEntry } from "./policy-schema.ts";
import { toNetworkNeeds } from "./to-network-needs.ts";

/** What the settings say about clusters. */
export interface ClusterSettings {
  resourceGroup?: string | undefined;
  aksName?: string | undefined;
  kubeconfig?: string | undefined;
}

/** A target with everything filled in: its own word first, then the policy's defaults, then the field's. */
export function toTargetPolicy(
  target: string,
  entry: TargetEntry,
  defaults: Sections,
  settings: ClusterSettings,
): TargetPolicy {
  return {
    target,
    model: entry.model,
    pointer: entry.pointer,
    cluster: toCluster(entry.cluster ?? defaults.cluster, settings),
    namespace: entry.namespace ?? defaults.namespace ?? DEFAULTS.namespace,
    workload: entry.workload ?? target,
    gates: entry.gates ?? defaults.gates ?? [],
    build: toBuild({ ...DEFAULTS.build, ...defaults.build, ...entry.build }),
    rollout: toRollout({ ...DEFAULTS.rollout, ...defaults.rollout, ...entry.rollout }),
    ...toNetworkNeeds(entry.network, defaults.network),
    verify: toVerify(entry.verify ?? {}, defaults.verify ?? {}),
    firstFailure: entry.onFirstFailure ?? defaults.onFirstFailure ?? DEFAULTS.onFirstFailure,
    movedBack: entry.onMovedBack ?? defaults.onMovedBack ?? DEFAULTS.onMovedBack,
    missing: entry.onMissing ?? defaults.onMissing ?? DEFAULTS.onMissing,
    notify: [...new Set(entry.notify ?? defaults.notify ?? DEFAULTS.notify)],
  };
}

/** Without a word in the policy the settings decide. An empty name is one that nobody gave; the rules refuse it. */
function toCluster(cluster: Sections["cluster"], settings: ClusterSettings): ClusterReference {
  const { aks, kubeconfig } = cluster ?? {};
  const { resourceGroup = "", aksName = "" } = settings;
  if (kubeconfig !== undefined) return { kind: "kubeconfig", ...kubeconfig };
  if (aks === undefined && aksName === "" && settings.kubeconfig !== undefined) return { kind: "kubeconfig" };
  return { kind: "aks", resourceGroup: aks?.resourceGroup ?? resourceGroup, name: aks?.name ?? aksName };
}

function toBuild({ timeout, maxContext, ...others }: typeof DEFAULTS.build): TargetPolicy["build"] {
  return { ...others, timeoutSeconds: timeout, maxContextBytes: maxContext };
}

type RolloutSection = typeof DEFAULTS.rollout & Pick<NonNullable<Sections["rollout"]>, "autoscaling" | "bake">;

function toRollout({ startup, timeout, bake, ...others }: RolloutSection): TargetPolicy["rollout"] {
  const times = { startupSeconds: startup, timeoutSeconds: timeout };
  return { ...others, ...times, ...(bake === undefined ? {} : { bakeSeconds: bake }) };
}

type VerifySection = NonNullable<Sections["verify"]>;

function toVerify(own: VerifySection, defaults: VerifySection): TargetPolicy["verify"] {
  const health = { ...DEFAULTS.health, ...defaults.health, ...own.health };
  const predictions = { ...DEFAULTS.predictions, ...defaults.predictions, ...own.predictions };
  return {
    timeoutSeconds: own.timeout ?? defaults.timeout ?? DEFAULTS.verifyTimeout,
    health: {
      path: health.path,
      attempts: health.attempts,
      intervalSeconds: health.interval,
      successes: health.successes,
      timeoutSeconds: health.timeout,
    },
    predictions: {
      path: predictions.path,
      count: predictions.count,
      maxLatencySeconds: predictions.maxLatency,
      samples: predictions.samples.map((sample) => ({ tolerance: DEFAULTS.tolerance, ...sample })),
    },
  };
}
