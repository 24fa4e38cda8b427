import { type KubernetesObject, LABELS } from "../../../shared/domain/release.ts";

/** What a pod is made from. */
export interface PodTemplate {
  /** The template itself, frozen. */
  readonly source: object;
  /** Of the container that serves the model. */
  readonly image: string;
  readonly model: string;
  readonly ports: readonly number[];
  readonly labels: Readonly<Record<string, string>>;
  readonly containers: readonly string[];
  readonly initContainers: readonly string[];
}

/** A Deployment's spec with the API server's defaults. */
export interface DeploymentSpec {
  readonly replicas: number;
  readonly minReadyMs: number;
  readonly deadlineMs: number;
  readonly historyLimit: number;
  /** Pods above and below the wanted number that an update may have; never both zero. */
  readonly surge: number;
  readonly unavailable: number;
  readonly template: PodTemplate;
}

interface RawContainer {
  name: string;
  image?: string;
  ports?: readonly { containerPort: number }[];
}

interface RawTemplate {
  metadata?: { labels?: Readonly<Record<string, string>> };
  spec?: { containers?: readonly RawContainer[]; initContainers?: readonly RawContainer[] };
}

interface RawSpec {
  replicas?: number;
  minReadySeconds?: number;
  progressDeadlineSeconds?: number;
  revisionHistoryLimit?: number;
  paused?: boolean;
  strategy?: {
    type?: string;
    rollingUpdate?: { maxSurge?: number | string; maxUnavailable?: number | string };
  };
  selector?: { matchLabels?: Readonly<Record<string, string>> };
  template: RawTemplate;
}

const rawSpec = (object: KubernetesObject) => object["spec"] as RawSpec;

/** Specs are frozen and shared while they are equal, so each is read once. */
const specs = new WeakMap<object, DeploymentSpec>();
const templates = new WeakMap<object, PodTemplate>();

export function specOf(deployment: KubernetesObject): DeploymentSpec {
  const raw = rawSpec(deployment);
  const known = specs.get(raw);
  if (known !== undefined) return known;
  const { replicas = 1, minReadySeconds = 0, progressDeadlineSeconds = 600, revisionHistoryLimit = 10 } = raw;
  const spec = {
    replicas,
    minReadyMs: minReadySeconds * 1000,
    deadlineMs: progressDeadlineSeconds * 1000,
    historyLimit: revisionHistoryLimit,
    ...boundsOf(raw, replicas),
    template: templateOf(raw.template),
  };
  specs.set(raw, spec);
  return spec;
}

function boundsOf({ strategy }: RawSpec, replicas: number): Pick<DeploymentSpec, "surge" | "unavailable"> {
  const surge = scaled(strategy?.rollingUpdate?.maxSurge ?? "25%", replicas, Math.ceil);
  const unavailable = scaled(strategy?.rollingUpdate?.maxUnavailable ?? "25%", replicas, Math.floor);
  if (surge === 0 && unavailable === 0) return { surge, unavailable: Math.min(1, replicas) };
  return { surge, unavailable: Math.min(unavailable, replicas) };
}

function scaled(value: number | string, total: number, round: (exact: number) => number): number {
  return typeof value === "number" ? value : round((Number.parseInt(value, 10) * total) / 100);
}

function templateOf(source: RawTemplate): PodTemplate {
  const known = templates.get(source);
  if (known !== undefined) return known;
  const containers = source.spec?.containers ?? [];
  const model = containers.find(({ name }) => name === "model") ?? containers[0];
  const template = {
    source,
    image: model?.image ?? "",
    model: model?.name ?? "",
    ports: (model?.ports ?? []).map(({ containerPort }) => containerPort),
    labels: source.metadata?.labels ?? {},
    containers: containers.map(({ name }) => name),
    initContainers: (source.spec?.initContainers ?? []).map(({ name }) => name),
  };
  templates.set(source, template);
  return template;
}

export function templateLabel({ labels }: PodTemplate): string | undefined {
  return labels[LABELS.template];
}

export function hasLabels(
  labels: Readonly<Record<string, string>>,
  selector: Readonly<Record<string, string>>,
): boolean {
  for (const key in selector) if (labels[key] !== selector[key]) return false;
  return true;
}

/** Why the API server refuses the object, or undefined. */
export function refusal(after: KubernetesObject, before: KubernetesObject | undefined): string | undefined {
  if (after.kind === "ConfigMap") return before?.["immutable"] === true ? changedConfig(after, before) : undefined;
  return after.kind === "Deployment" ? invalidDeployment(after, before) : undefined;
}

function changedConfig(after: KubernetesObject, before: KubernetesObject): string | undefined {
  const members = ["data", "binaryData", "immutable"];
  return members.every((member) => after[member] === before[member])
    ? undefined
    : "data: Forbidden: field is immutable when `immutable` is set";
}

function invalidDeployment(after: KubernetesObject, before: KubernetesObject | undefined): string | undefined {
  const raw = rawSpec(after);
  if ((raw.strategy?.type ?? "RollingUpdate") !== "RollingUpdate" || raw.paused === true)
    throw new Error(`Deployment ${after.metadata.name}: only rolling updates that go on are simulated.`);
  if (before !== undefined && rawSpec(before).selector !== raw.selector)
    return "spec.selector: Invalid value: field is immutable";
  return invalidTemplate(raw) ?? invalidStrategy(raw);
}

function invalidTemplate({ selector, template }: RawSpec): string | undefined {
  if (!hasLabels(template.metadata?.labels ?? {}, selector?.matchLabels ?? {}))
    return "spec.template.metadata.labels: Invalid value: `selector` does not match template `labels`";
  return template.spec?.containers?.length ? undefined : "spec.template.spec.containers: Required value";
}

function invalidStrategy({ strategy }: RawSpec): string | undefined {
  const { maxSurge, maxUnavailable } = strategy?.rollingUpdate ?? {};
  return maxSurge === 0 && maxUnavailable === 0
    ? "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: may not be 0 when `maxSurge` is 0"
    : undefined;
}
