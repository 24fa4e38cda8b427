import { createCluster } from "../../shared/adapters/kubernetes/cluster.ts";
import type { KubeRequest } from "../../shared/adapters/kubernetes/kube-http.ts";
import { createProber } from "../../shared/adapters/kubernetes/prober.ts";
import { ANNOTATIONS, type KubernetesObject, LABELS } from "../../shared/domain/release.ts";
import type { PodStatus, WorkloadStatus } from "../../shared/domain/rollout-status.ts";
import { formatToken } from "../../shared/domain/token.ts";
import type { ProbeAnswer } from "../../shared/domain/verification.ts";
import type {
  ApplyResult,
  Cluster,
  ObjectReference,
  ObservedObject,
  OwnedObject,
  Prober,
} from "../../shared/ports/cluster.ts";
import { type GoodAnswer, spoilAnswer } from "./answer-cases.ts";
import type { Json } from "./json-value.ts";
import { answering } from "./kubernetes-questions.ts";
import type { Random } from "./random.ts";
import { BLANK, PAGE } from "./respoken.ts";

const NAMESPACE = "models";
const SIGNAL = new AbortController().signal;
const MISSING: GoodAnswer = { status: 404, body: { kind: "Status", status: "Failure", reason: "NotFound", code: 404 } };
const STALE: GoodAnswer = { status: 409, body: { kind: "Status", status: "Failure", reason: "Conflict", code: 409 } };

/** Where the API server was never asked, something before it has answered. */
const APPLIED: Readonly<Record<ApplyResult | "never asked", GoodAnswer>> = {
  applied: { status: 200, body: { kind: "ConfigMap", metadata: { name: "churn" } } },
  conflict: STALE,
  "never asked": PAGE,
};

/** Asks a cluster whose answer is this one, spoiled on its way. */
function ask<T>(
  random: Random,
  good: GoodAnswer,
  call: (cluster: Cluster) => Promise<T>,
  isIt: (request: KubeRequest) => boolean = () => true,
): Promise<T> {
  return call(createCluster(answering(spoilAnswer(random, good, BLANK), isIt), NAMESPACE));
}

function probe(
  random: Random,
  good: ProbeAnswer,
  call: (prober: Prober) => Promise<ProbeAnswer>,
): Promise<ProbeAnswer> {
  const answer = good.kind === "answer" ? { status: good.status, body: good.body } : MISSING;
  return call(
    createProber(
      answering(spoilAnswer(random, answer, BLANK), () => true),
      NAMESPACE,
    ),
  );
}

function metadataOf(name: string, { uid, resourceVersion, labels, token }: ObservedObject): { [key: string]: Json } {
  const annotations = token === undefined ? {} : { [ANNOTATIONS.token]: formatToken(token) };
  return { name, namespace: NAMESPACE, uid, resourceVersion, labels: { ...labels }, annotations };
}

function podOf({ name, ready, terminating, containers }: PodStatus, template: string): Json {
  const times = terminating ? { deletionTimestamp: "2026-09-21T14:13:20Z" } : {};
  const seen = { uid: name, resourceVersion: "1", token: undefined, labels: { [LABELS.template]: template } };
  return {
    metadata: { ...metadataOf(name, seen), ...times },
    status: {
      conditions: [{ type: "Ready", status: ready ? "True" : "False" }],
      containerStatuses: containers.map(({ name: container, restarts, waiting, terminated }) => ({
        name: container,
        restartCount: restarts,
        state: waiting === undefined ? {} : { waiting: { ...waiting } },
        lastState: terminated === undefined ? {} : { terminated: { ...terminated } },
      })),
    },
  };
}

function workloadOf({ name, generation, specReplicas, template, ...status }: WorkloadStatus): Json {
  const containers = Object.entries(template?.images ?? {}).map(([container, image]) => ({ name: container, image }));
  const labels = template?.label === undefined ? {} : { [LABELS.template]: template.label };
  const { observedGeneration, replicas, updatedReplicas, availableReplicas, progressing } = status;
  return {
    metadata: { name, uid: "u", resourceVersion: "1", generation },
    spec: { replicas: specReplicas, template: { metadata: { labels }, spec: { containers } } },
    status: {
      ...{ observedGeneration, replicas, updatedReplicas, availableReplicas },
      conditions: progressing === undefined ? [] : [{ type: "Progressing", status: "True", ...progressing }],
    },
  };
}

/** What a cluster answers, as its API server would word it, spoiled, and read by the adapter. */
export const CLUSTER = {
  read: (random: Random, good: ObservedObject | undefined, reference: ObjectReference) =>
    ask(
      random,
      good === undefined
        ? MISSING
        : {
            status: 200,
            body: {
              metadata: metadataOf(reference.metadata.name, good),
              ...(good.replicas === undefined ? {} : { spec: { replicas: good.replicas.count } }),
            },
          },
      (cluster) => cluster.read(reference, SIGNAL),
    ),
  apply: (
    random: Random,
    good: ApplyResult | "never asked",
    object: KubernetesObject,
    seen: ObservedObject | undefined,
  ) => ask(random, APPLIED[good], (cluster) => cluster.apply(object, seen, SIGNAL)),
  remove: (random: Random, _good: undefined, owned: OwnedObject) =>
    ask(random, { status: 200, body: { kind: "Status", status: "Success" } }, (cluster) =>
      cluster.remove(owned, SIGNAL),
    ),
  listOwned: (random: Random, good: readonly OwnedObject[], target: string) => {
    const items = good.map((one) => ({ metadata: metadataOf(one.reference.metadata.name, one) }));
    const isIt = ({ path }: KubeRequest) => path.includes("configmaps");
    return ask(random, { status: 200, body: { items } }, (cluster) => cluster.listOwned(target, SIGNAL), isIt);
  },
  workload: (random: Random, good: WorkloadStatus | undefined, name: string) =>
    ask(random, good === undefined ? MISSING : { status: 200, body: workloadOf(good) }, (cluster) =>
      cluster.workload(name, SIGNAL),
    ),
  pods: (random: Random, good: readonly PodStatus[], template: string) =>
    ask(random, { status: 200, body: { items: good.map((pod) => podOf(pod, template)) } }, (cluster) =>
      cluster.pods(template, SIGNAL),
    ),
  lastLines: (random: Random, good: readonly string[], pod: string, container: string, lines: number) =>
    ask(random, { status: 200, body: `${good.join("\n")}\n` }, (cluster) =>
      cluster.lastLines(pod, container, lines, SIGNAL),
    ),
};

/** The same of what answers behind the API server's proxy. */
export const PROBER = {
  getPod: (random: Random, good: ProbeAnswer, pod: string, port: number, path: string, seconds: number) =>
    probe(random, good, (prober) => prober.getPod(pod, port, path, seconds, SIGNAL)),
  postService: (
    random: Random,
    good: ProbeAnswer,
    service: { name: string; port: string },
    path: string,
    body: unknown,
    seconds: number,
  ) => probe(random, good, (prober) => prober.postService(service, path, body, seconds, SIGNAL)),
};
