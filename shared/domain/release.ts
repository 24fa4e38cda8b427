import { canonicalJson, sha256 } from "./digest.ts";
import { describeModel, type ModelIdentity } from "./model.ts";
import type { PredictionSample, TargetPolicy } from "./policy.ts";

/** A Kubernetes object as JSON. */
export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string>; annotations?: Record<string, string> };
  [member: string]: unknown;
}

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
}

/** Stand on every object of a release. */
export const LABELS = {
  managedBy: "app.kubernetes.io/managed-by",
  name: "app.kubernetes.io/name",
  target: "belay.dev/target",
  template: "belay.dev/template",
} as const;

/** Added when a release is applied. */
export const ANNOTATIONS = { token: "belay.dev/token", release: "belay.dev/release" } as const;

/** The container of the base manifests that serves the model. */
const MODEL_CONTAINER = "model";
/** Kinds whose replicas are scaled to zero instead of the object being deleted. */
const WORKLOAD_KINDS = new Set(["Deployment", "StatefulSet"]);
/** Kinds that are set-up, applied once by an administrator, and never part of a release. */
const SETUP_KINDS = new Set([
  "Namespace",
  "ServiceAccount",
  "Role",
  "RoleBinding",
  "ClusterRole",
  "ClusterRoleBinding",
]);

/** The base manifests cannot be made into a release; the message names object and field. */
export class InvalidManifestError extends Error {
  override readonly name = "InvalidManifestError";
}

export function isWorkload(object: KubernetesObject): boolean {
  return WORKLOAD_KINDS.has(object.kind);
}

/**
 * Renders base manifests into a release: image by digest, names, labels, replicas, strategy, and configuration
 * under hashed immutable names, so that old pods keep the old configuration. Pure.
 * @throws InvalidManifestError
 */
export function renderRelease(
  base: readonly KubernetesObject[],
  policy: TargetPolicy,
  model: ModelIdentity,
  image: string,
  samples: readonly PredictionSample[],
): Release {
  refuseUnfit(base);
  const config = base.filter(({ kind }) => kind === "ConfigMap").map((object) => hashedConfig(object, policy, model));
  const renamed = new Map(config.map(({ from, object }) => [from, object.metadata.name]));
  const others = base.filter(({ kind }) => kind !== "ConfigMap" && !WORKLOAD_KINDS.has(kind));
  const workload = renderWorkload(single(base, "Deployment"), policy, image, renamed);
  const service = single(base, "Service");
  const content = {
    image,
    model: { name: model.name, version: model.version, createdAt: model.createdAt },
    namespace: policy.namespace,
    workload: policy.workload,
    service: { name: policy.workload, port: servicePort(service) },
    containerPort: containerPort(workload.object),
    template: workload.template,
    samples,
    hashed: config.map(({ object }) => object),
    fixed: [...others.map((object) => renderOther(object, policy, renamed)), workload.object],
  };
  return { id: sha256(canonicalJson(content)), ...content };
}

function refuseUnfit(base: readonly KubernetesObject[]): void {
  for (const { kind, metadata } of base) {
    if (SETUP_KINDS.has(kind))
      throw new InvalidManifestError(`${kind} ${metadata.name} is set-up: apply it once, outside the release.`);
    if (kind === "Secret")
      throw new InvalidManifestError(
        `Secret ${metadata.name}: a release is stored and must hold no secret; refer to one by name.`,
      );
    if (kind === "HorizontalPodAutoscaler")
      throw new InvalidManifestError(
        `HorizontalPodAutoscaler ${metadata.name}: the replicas of a target are the policy's.`,
      );
    if (kind === "StatefulSet")
      throw new InvalidManifestError(`StatefulSet ${metadata.name}: the workload of a target is a Deployment.`);
  }
}

function single(base: readonly KubernetesObject[], kind: string): KubernetesObject {
  const [object, another] = base.filter((one) => one.kind === kind);
  if (object === undefined) throw new InvalidManifestError(`The base manifests hold no ${kind}.`);
  if (another !== undefined) throw new InvalidManifestError(`The base manifests hold more than one ${kind}.`);
  return object;
}

function hashedConfig(object: KubernetesObject, policy: TargetPolicy, model: ModelIdentity) {
  const from = object.metadata.name;
  const data = { ...record(object["data"]), MODEL_NAME: model.name, MODEL_VERSION: model.version };
  const hash = sha256(canonicalJson({ data, binaryData: object["binaryData"] })).slice(0, 10);
  const labelled = withIdentity(object, `${policy.workload}-${from}-${hash}`, policy);
  return { from, object: { ...labelled, data, immutable: true } };
}

function renderOther(
  object: KubernetesObject,
  policy: TargetPolicy,
  renamed: ReadonlyMap<string, string>,
): KubernetesObject {
  const name = object.kind === "Service" ? policy.workload : `${policy.workload}-${object.metadata.name}`;
  const spec = "spec" in object ? { spec: rename(object["spec"], renamed) } : {};
  const rendered = { ...withIdentity(object, name, policy), ...spec };
  if (object.kind !== "Service") return rendered;
  return { ...rendered, spec: { ...record(object["spec"]), selector: selectorOf(policy) } };
}

function withIdentity(object: KubernetesObject, name: string, policy: TargetPolicy): KubernetesObject {
  const { labels, annotations } = object.metadata;
  return {
    ...object,
    metadata: {
      name,
      namespace: policy.namespace,
      labels: { ...labels, ...labelsOf(policy) },
      ...(annotations === undefined ? {} : { annotations }),
    },
  };
}

function labelsOf(policy: TargetPolicy): Record<string, string> {
  return { [LABELS.managedBy]: "belay", [LABELS.name]: policy.workload, [LABELS.target]: policy.target };
}

/** Immutable in Kubernetes: must not depend on anything a release changes. */
function selectorOf(policy: TargetPolicy): Record<string, string> {
  return { [LABELS.name]: policy.workload, [LABELS.target]: policy.target };
}

function renderWorkload(
  object: KubernetesObject,
  policy: TargetPolicy,
  image: string,
  renamed: ReadonlyMap<string, string>,
): { object: KubernetesObject; template: string } {
  const spec = record(object["spec"]);
  const template = record(spec["template"]);
  const podSpec = renameConfig(setImage(record(template["spec"]), image, policy), renamed);
  const metadata = record(template["metadata"]);
  const labels = { ...record(metadata["labels"]), ...labelsOf(policy) };
  const hash = sha256(canonicalJson({ ...template, metadata: { ...metadata, labels }, spec: podSpec })).slice(0, 16);
  return {
    template: hash,
    object: {
      ...withIdentity(object, policy.workload, policy),
      spec: {
        ...spec,
        replicas: policy.rollout.replicas,
        selector: { matchLabels: selectorOf(policy) },
        strategy: {
          type: "RollingUpdate",
          rollingUpdate: { maxSurge: policy.rollout.maxSurge, maxUnavailable: policy.rollout.maxUnavailable },
        },
        progressDeadlineSeconds: progressDeadline(policy),
        template: {
          ...template,
          metadata: { ...metadata, labels: { ...labels, [LABELS.template]: hash } },
          spec: podSpec,
        },
      },
    },
  };
}

/** Kubernetes should say "stuck" before Belay runs out of time, so that the ending can name what it was. */
function progressDeadline(policy: TargetPolicy): number {
  return Math.max(1, Math.floor(policy.rollout.timeoutSeconds * 0.9));
}

function setImage(podSpec: Record<string, unknown>, image: string, policy: TargetPolicy): Record<string, unknown> {
  const containers = list(podSpec["containers"]).map(record);
  if (!containers.some(({ name }) => name === MODEL_CONTAINER))
    throw new InvalidManifestError(`The Deployment has no container named "${MODEL_CONTAINER}".`);
  return {
    ...podSpec,
    containers: containers.map((container) =>
      container["name"] === MODEL_CONTAINER ? { ...container, image, ...startupProbe(container, policy) } : container,
    ),
  };
}

/** The time a pod may take to start is the policy's: the startup probe's period stays, its threshold follows. */
function startupProbe(container: Record<string, unknown>, policy: TargetPolicy): Record<string, unknown> {
  const probe = container["startupProbe"];
  if (probe === undefined) return {};
  const period = record(probe)["periodSeconds"];
  const periodSeconds = typeof period === "number" && period > 0 ? period : 10;
  const failureThreshold = Math.max(1, Math.ceil(policy.rollout.startupSeconds / periodSeconds));
  return { startupProbe: { ...record(probe), periodSeconds, failureThreshold } };
}

/** Members that hold a ConfigMap's name, by the member that holds them. */
const CONFIG_REFERENCES = new Set(["configMapRef", "configMapKeyRef", "configMap"]);

function renameConfig(podSpec: Record<string, unknown>, renamed: ReadonlyMap<string, string>): Record<string, unknown> {
  return record(rename(podSpec, renamed));
}

function rename(value: unknown, renamed: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(value)) return value.map((member) => rename(member, renamed));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [
      key,
      CONFIG_REFERENCES.has(key) ? renameReference(record(member), renamed) : rename(member, renamed),
    ]),
  );
}

function renameReference(reference: Record<string, unknown>, renamed: ReadonlyMap<string, string>) {
  const name = typeof reference["name"] === "string" ? renamed.get(reference["name"]) : undefined;
  return name === undefined ? reference : { ...reference, name };
}

function containerPort(workload: KubernetesObject): number {
  const podSpec = record(record(record(workload["spec"])["template"])["spec"]);
  const container = list(podSpec["containers"])
    .map(record)
    .find(({ name }) => name === MODEL_CONTAINER);
  const port = list(container?.["ports"]).map(record)[0]?.["containerPort"];
  if (typeof port !== "number")
    throw new InvalidManifestError(`The container "${MODEL_CONTAINER}" names no containerPort.`);
  return port;
}

function servicePort(service: KubernetesObject): string {
  const port = list(record(service["spec"])["ports"]).map(record)[0];
  const value = port?.["name"] ?? port?.["port"];
  if (typeof value !== "string" && typeof value !== "number")
    throw new InvalidManifestError(`Service ${service.metadata.name} names no port.`);
  return String(value);
}

function record(value: unknown): Record<string, unknown> {
  return value !== null && typeof value === "object" && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The same workload with nothing running: what a rollback leaves of a workload the stable release does not have. */
export function atZero(workload: KubernetesObject): KubernetesObject {
  return { ...workload, spec: { ...record(workload["spec"]), replicas: 0 } };
}

/** Objects of the candidate that stable does not have and whose replicas must be zero after a rollback. */
export function zeroedWorkloads(candidate: Release, stable: Release): readonly KubernetesObject[] {
  const kept = new Set(stable.fixed.map(objectKey));
  return candidate.fixed.filter((object) => isWorkload(object) && !kept.has(objectKey(object))).map(atZero);
}

/** Equal for the same object of the same namespace. */
export function objectKey(object: Pick<KubernetesObject, "apiVersion" | "kind" | "metadata">): string {
  return `${object.apiVersion}/${object.kind}/${object.metadata.namespace ?? ""}/${object.metadata.name}`;
}

/** "churn-classifier version 7 (sha256:0123…)", for sentences. */
export function describeRelease(release: Pick<Release, "model" | "image">): string {
  return `${describeModel(release.model)} (${release.image.slice(release.image.indexOf("@") + 1).slice(0, 19)}…)`;
}
