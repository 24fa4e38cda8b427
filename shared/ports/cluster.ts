import type { TargetPolicy } from "../domain/policy.ts";
import type { KubernetesObject } from "../domain/release.ts";
import type { PodStatus, WorkloadStatus } from "../domain/rollout-status.ts";
import type { Token } from "../domain/token.ts";
import type { ProbeAnswer } from "../domain/verification.ts";
import type { Previewer } from "./previewer.ts";

/** What is there now, as far as fencing needs it. */
export interface ObservedObject {
  uid: string;
  resourceVersion: string;
  /** Undefined: no token, or not one of ours. */
  token: Token | undefined;
  labels: Readonly<Record<string, string>>;
  /** Of a workload only. */
  replicas?: ObservedReplicas;
}

/** How many pods a workload should have, and whose word that is. */
export interface ObservedReplicas {
  count: number;
  /** Whether it was applied with its replicas left to an autoscaler. */
  autoscaled: boolean;
  /** Field managers that own the number. */
  owners: readonly string[];
}

/** `conflict`: uid or resourceVersion changed since it was read. */
export type ApplyResult = "applied" | "conflict";

export type ObjectReference = Pick<KubernetesObject, "apiVersion" | "kind" | "metadata">;

/** What lies in a namespace under this target's label, for pruning. */
export interface OwnedObject extends ObservedObject {
  reference: ObjectReference;
}

/**
 * One namespace of one cluster. Errors: TransientError; PermanentError (`access-denied`, `rollout-refused`);
 * ForeignChangeError when a field belongs to somebody else: never forced.
 */
export interface Cluster {
  read(reference: ObjectReference, signal: AbortSignal): Promise<ObservedObject | undefined>;
  /**
   * Server-side apply with the uid and resourceVersion of `seen`; undefined: create only. Idempotent for equal content.
   * A workload whose replicas are an autoscaler's keeps the number it has, unless that is none; one whose replicas are
   * its own again takes the number back from the autoscaler.
   */
  apply(object: KubernetesObject, seen: ObservedObject | undefined, signal: AbortSignal): Promise<ApplyResult>;
  /** Deletes exactly what was seen; gone or changed meanwhile is no error. */
  remove(owned: OwnedObject, signal: AbortSignal): Promise<void>;
  /** What lies under the target's label and may be removed when no release needs it: never a Service or a workload. */
  listOwned(target: string, signal: AbortSignal): Promise<readonly OwnedObject[]>;
  /** Kinds of a version of the API, such as `monitoring.coreos.com/v1`, that the cluster knows; asked once. */
  kinds(apiVersion: string, signal: AbortSignal): Promise<readonly string[]>;
  workload(name: string, signal: AbortSignal): Promise<WorkloadStatus | undefined>;
  /** Pods whose template label has this value. */
  pods(template: string, signal: AbortSignal): Promise<readonly PodStatus[]>;
  /** The last lines of a container, of its previous instance where it has one. */
  lastLines(pod: string, container: string, lines: number, signal: AbortSignal): Promise<readonly string[]>;
  ping(signal: AbortSignal): Promise<void>;
}

/** Sends requests through the API server's proxies. A probe never throws. */
export interface Prober {
  getPod(pod: string, port: number, path: string, timeoutSeconds: number, signal: AbortSignal): Promise<ProbeAnswer>;
  postService(
    service: { name: string; port: string },
    path: string,
    body: unknown,
    timeoutSeconds: number,
    signal: AbortSignal,
  ): Promise<ProbeAnswer>;
}

/** What a visit needs of the place where a target lives. */
export interface ClusterAccess {
  cluster: Cluster;
  prober: Prober;
  previewer: Previewer;
}

/** Opens the namespace a target's policy names. Errors: TransientError; PermanentError `configuration-wrong`, `access-denied`, `bad-answer`. */
export type OpenCluster = (policy: Pick<TargetPolicy, "cluster" | "namespace">) => Promise<ClusterAccess>;
