import { record } from "./manifest.ts";
import { describeModel, type ModelIdentity } from "./model.ts";
import type { PredictionSample } from "./policy.ts";

/** A Kubernetes object as JSON. */
export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string>; annotations?: Record<string, string> };
  [member: string]: unknown;
}

/** What tells one object from another. */
export type ObjectIdentity = Pick<KubernetesObject, "apiVersion" | "kind" | "metadata">;

/** Everything a target runs, as one content-addressed bundle. */
export interface Release {
  /** SHA-256 of the canonical form of everything else. */
  id: string;
  /** `registry/repository@sha256:…` */
  image: string;
  model: ModelIdentity;
  namespace: string;
  workload: string;
  /** Name of the Service the predictions go through, and its port's name or number. */
  service: { name: string; port: string };
  /** The port of the model's container that health is read from. */
  containerPort: number;
  /** Value of the template label: tells this release's pods from all others. */
  template: string;
  /** What its test predictions are made with; kept here so that a rollback needs no model registry. */
  samples: readonly PredictionSample[];
  /** Objects under hashed names, immutable: created once, never changed. */
  hashed: readonly KubernetesObject[];
  /** Objects under fixed names, fenced by the token; the workload comes last. */
  fixed: readonly KubernetesObject[];
  /** What the base manifests held and the cluster did not know when this was rendered: `monitoring.coreos.com/v1 ServiceMonitor metrics`. */
  leftOut?: readonly string[];
}

/** Stand on every object of a release. */
export const LABELS = {
  managedBy: "app.kubernetes.io/managed-by",
  name: "app.kubernetes.io/name",
  target: "belay.dev/target",
  template: "belay.dev/template",
} as const;

/** The first two are added when a release is applied; `replicas` stands on a workload whose replicas are an autoscaler's. */
export const ANNOTATIONS = {
  token: "belay.dev/token",
  release: "belay.dev/release",
  replicas: "belay.dev/replicas",
} as const;

/** Kinds whose replicas are scaled to zero instead of the object being deleted. */
const WORKLOAD_KINDS = new Set(["Deployment", "StatefulSet"]);

export function isWorkload(object: Pick<KubernetesObject, "kind">): boolean {
  return WORKLOAD_KINDS.has(object.kind);
}

/** Whether a workload's replicas are an autoscaler's: the number that it is applied with is only its first. */
export function isAutoscaled({ metadata }: { metadata: Pick<KubernetesObject["metadata"], "annotations"> }): boolean {
  return metadata.annotations?.[ANNOTATIONS.replicas] !== undefined;
}

/** The same workload with nothing running: what a rollback leaves of a workload the stable release does not have. */
export function atZero(workload: KubernetesObject): KubernetesObject {
  const { annotations: { [ANNOTATIONS.replicas]: _, ...annotations } = {}, ...metadata } = workload.metadata;
  return {
    ...workload,
    metadata: Object.keys(annotations).length === 0 ? metadata : { ...metadata, annotations },
    spec: { ...record(workload["spec"]), replicas: 0 },
  };
}

export function isAutoscaler({ kind }: Pick<KubernetesObject, "kind">): boolean {
  return kind === "HorizontalPodAutoscaler";
}

/** Equal for the same object of the same namespace. */
export function objectKey(object: ObjectIdentity): string {
  return `${object.apiVersion}/${object.kind}/${object.metadata.namespace ?? ""}/${object.metadata.name}`;
}

/** "churn-classifier version 7 (sha256:0123…)", for sentences. */
export function describeRelease(release: Pick<Release, "model" | "image">): string {
  return `${describeModel(release.model)} (${release.image.slice(release.image.indexOf("@") + 1).slice(0, 19)}…)`;
}
