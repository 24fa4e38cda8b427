import { ANNOTATIONS, type KubernetesObject, LABELS } from "../../../shared/domain/release.ts";
import { rolloutStatus } from "../../../shared/domain/rollout-status.ts";
import type { ApplyResult, ObservedObject } from "../../../shared/ports/cluster.ts";
import type { Random } from "./chance.ts";
import { type Behaviour, type Capacity, createSimulatedCluster } from "./simulated-cluster.ts";

/** 2026-09-21T14:13:20Z */
export const START = 1_790_000_000_000;
export const NAMESPACE = "models";
export const PORT = 8080;
export const SECOND = 1_000;
/** Calls end at once. */
export const signal = new AbortController().signal;

/** Mulberry32. */
export function seeded(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export interface WorkloadChoices {
  name?: string;
  token?: string;
  replicas?: number;
  maxSurge?: number;
  maxUnavailable?: number;
  deadlineSeconds?: number;
  minReadySeconds?: number;
  history?: number;
}

const metadataOf = (name: string, token: string) => ({
  name,
  namespace: NAMESPACE,
  labels: { [LABELS.target]: "churn" },
  annotations: { [ANNOTATIONS.token]: token, [ANNOTATIONS.release]: `release-${token}` },
});

/** A Deployment whose template label is its image. */
export function workload(image: string, choices: WorkloadChoices = {}): KubernetesObject {
  const { name = "churn", token = "7.1", replicas = 3, maxSurge = 1, maxUnavailable = 0 } = choices;
  const { deadlineSeconds = 540, minReadySeconds = 0, history = 10 } = choices;
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: metadataOf(name, token),
    spec: {
      replicas,
      minReadySeconds,
      revisionHistoryLimit: history,
      progressDeadlineSeconds: deadlineSeconds,
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge, maxUnavailable } },
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name, [LABELS.template]: image } },
        spec: { containers: [{ name: "model", image, ports: [{ name: "http", containerPort: PORT }] }] },
      },
    },
  };
}

export function service(token = "7.1", name = "churn"): KubernetesObject {
  const spec = { selector: { app: name }, ports: [{ name: "http", port: 80, targetPort: "http" }] };
  return { apiVersion: "v1", kind: "Service", metadata: metadataOf(name, token), spec };
}

export function config(name: string, data: Record<string, string>, token = "7.1", immutable = false): KubernetesObject {
  const content = immutable ? { data, immutable } : { data };
  return { apiVersion: "v1", kind: "ConfigMap", metadata: metadataOf(name, token), ...content };
}

/** A simulated cluster on a clock of its own; an image is named for how its pods turn out: `slow:2`. */
export function createStage(seed = 1) {
  let time = START;
  const simulated = createSimulatedCluster({
    now: () => time,
    behaviour: (image) => image.slice(0, image.indexOf(":")) as Behaviour,
    random: seeded(seed),
  });
  const { cluster, prober } = simulated.open(NAMESPACE);
  const capacities: Capacity[] = [];
  simulated.onCapacity((capacity) => capacities.push(capacity));

  const seen = async (object: KubernetesObject): Promise<ObservedObject> => {
    const observed = await cluster.read(object, signal);
    if (observed === undefined) throw new Error(`${object.metadata.name} is not there.`);
    return observed;
  };
  /** Applies it over what is there. */
  const apply = async (object: KubernetesObject): Promise<ApplyResult> =>
    cluster.apply(object, await cluster.read(object, signal), signal);
  const wait = (milliseconds: number): void => {
    time += milliseconds;
    simulated.advanceTo(time);
  };
  const look = async (name = "churn") => {
    const found = await cluster.workload(name, signal);
    return found === undefined ? undefined : rolloutStatus(found).kind;
  };
  /** Lets the next thing happen. */
  const step = (): void => wait(Math.max(0, (simulated.nextAt() ?? time) - time));
  /** Steps from event to event until a rollout is no longer waiting; says what became of it. */
  const settle = async (name = "churn") => {
    while (simulated.nextAt() !== undefined) {
      step();
      const kind = await look(name);
      if (kind !== "waiting") return kind;
    }
    return look(name);
  };
  /** Lets everything come to rest. */
  const rest = (): void => {
    while (simulated.nextAt() !== undefined) step();
  };
  return {
    ...{ simulated, cluster, prober, capacities, now: () => time },
    seen,
    apply,
    wait,
    step,
    look,
    settle,
    rest,
  };
}

export type Stage = ReturnType<typeof createStage>;
