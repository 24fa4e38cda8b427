import type { Deployment } from "../domain/deployment.ts";
import type { ModelIdentity } from "../domain/model.ts";
import type { Release } from "../domain/release.ts";
import type { WorkloadStatus } from "../domain/rollout-status.ts";
import type { Target } from "../domain/target.ts";
import type { Token } from "../domain/token.ts";
import type { Visit } from "../domain/visit.ts";

/** What one look at the tables, the registries and the clusters found, as plain data: nothing in it is decided. */
export interface Evidence {
  /** Epoch milliseconds, by the table's clock. */
  now: number;
  targets: readonly TargetEvidence[];
}

export interface TargetEvidence {
  target: string;
  pointer: PointerEvidence;
  /** The target's row; undefined: no promotion was ever accepted. */
  record?: Target;
  deployments: readonly DeploymentEvidence[];
  builds: readonly BuildEvidence[];
  /** Whether the policy lets a candidate go on serving that failed before anything was proven. */
  mayServeUnproven: boolean;
  /** Undefined: nothing has been proven there yet. */
  stable?: StableEvidence;
  /** Undefined: Belay has changed nothing there yet. */
  cluster?: ClusterEvidence;
}

/** What the registry says that the target should run. */
export interface PointerEvidence {
  /** "alias champion of churn-classifier", for sentences. */
  described: string;
  /** Undefined: it points nowhere. */
  found?: ModelIdentity;
}

export interface DeploymentEvidence {
  record: Deployment;
  /** In any order, at most `MAX_HISTORY`. */
  history: readonly Visit[];
  /** Notifiers that were told of its ending; undefined: nobody looked. */
  told?: readonly string[];
}

/** As many visits of one deployment are read at the most; a history of that length may go on. */
export const MAX_HISTORY = 500;

export interface BuildEvidence {
  key: string;
  /** Names of the task runs for it that succeeded and are still kept. */
  succeeded: readonly string[];
}

export interface StableEvidence {
  /** Undefined: its row is not in the table. */
  release?: Release;
  /** Whether its image is in the registry. */
  imageExists: boolean;
  /** `objectKey` of everything that it and the kept releases before it are made of. */
  kept: readonly string[];
}

export interface ClusterEvidence {
  /** The stable release's workload, or the one the policy names; undefined: it is not there. */
  workload?: WorkloadStatus;
  /** The stable release's fixed-name objects. */
  fixed: readonly SeenObject[];
  /** What lies under the target's label and may be removed when no release needs it. */
  owned: readonly SeenObject[];
}

export interface SeenObject {
  /** "ConfigMap churn-config-0123", for sentences. */
  described: string;
  /** `objectKey` */
  key: string;
  /** False: it is not there. */
  present: boolean;
  /** Undefined: no token, or not one of Belay's. */
  token?: Token;
}
