import { expect } from "vitest";
import { z } from "zod";
import { createCluster } from "../../shared/adapters/kubernetes/cluster.ts";
import type { KubeHttp, KubeRequest } from "../../shared/adapters/kubernetes/kube-http.ts";
import { TransientError } from "../../shared/domain/errors.ts";
import { ANNOTATIONS, LABELS } from "../../shared/domain/release.ts";
import type { Cluster } from "../../shared/ports/cluster.ts";
import { type GoodAnswer, type Spoiled, spoilAnswer, toWireAnswer, type WireAnswer } from "./answer-cases.ts";
import { meet, nameOf, type Question, show } from "./answer-checks.ts";
import type { Json } from "./json-value.ts";

const TARGET = "churn";
const TEMPLATE = "0123456789abcdef";
const CONFIG = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "churn-config-0123456789" } };
const SEEN = { uid: "11111111-2222-3333-4444-555555555555", resourceVersion: "4711", token: undefined, labels: {} };

const AUTOSCALED = {
  ...{ apiVersion: "apps/v1", kind: "Deployment", spec: { replicas: 3 } },
  metadata: { name: "churn", annotations: { [ANNOTATIONS.replicas]: "autoscaler" } },
};
const OWNED = { ...SEEN, replicas: { count: 3, autoscaled: false, owners: ["belay"] } };

function metadata(name: string, labels: Readonly<Record<string, string>> = {}): { [key: string]: Json } {
  return {
    name,
    namespace: "models",
    uid: "11111111-2222-3333-4444-555555555555",
    resourceVersion: "4711",
    generation: 3,
    creationTimestamp: "2026-09-21T14:13:20Z",
    labels: { [LABELS.target]: TARGET, ...labels },
    annotations: { [ANNOTATIONS.token]: "1790000000.7" },
  };
}

function config(name: string): Json {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: metadata(name), data: { LEVEL: "info" }, immutable: true };
}

function workload(name: string): Json {
  const conditions = [{ type: "Progressing", status: "True", reason: "ReplicaSetUpdated", message: "in progress" }];
  const container = {
    name: "model",
    image: `registry.test/churn@sha256:${"0".repeat(64)}`,
    ports: [{ containerPort: 8080 }],
  };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: metadata(name),
    spec: {
      replicas: 3,
      selector: { matchLabels: { [LABELS.target]: TARGET } },
      template: { metadata: { labels: { [LABELS.template]: TEMPLATE } }, spec: { containers: [container] } },
    },
    status: { observedGeneration: 3, replicas: 4, updatedReplicas: 1, availableReplicas: 3, conditions },
  };
}

function pod(name: string, template: string): Json {
  const state = { waiting: { reason: "CrashLoopBackOff", message: "back-off 10s restarting failed container" } };
  const lastState = { terminated: { reason: "Error", exitCode: 1, finishedAt: "2026-09-21T14:13:20Z" } };
  const containerStatuses = [{ name: "model", ready: false, restartCount: 2, state, lastState }];
  const conditions = [{ type: "Ready", status: "False" }];
  return {
    metadata: metadata(name, { [LABELS.template]: template }),
    status: { phase: "Running", conditions, containerStatuses },
  };
}

function list(...items: readonly Json[]): Json {
  return { apiVersion: "v1", kind: "List", metadata: { resourceVersion: "4711" }, items };
}

const EMPTY = toWireAnswer({ status: 200, body: list() });
const named = z.object({ metadata: z.object({ name: z.string() }) });
const labelled = z.object({
  items: z.array(z.object({ metadata: z.object({ labels: z.record(z.string(), z.string()) }) })),
});

function parsed<T>(schema: z.ZodType<T>, { body }: WireAnswer): T {
  return schema.parse(JSON.parse(body.toString("utf8")));
}

/** An object is found only where the answer is about the one that was asked for. */
function isFound(name: string, value: unknown, answer: WireAnswer): string {
  if (value === undefined) {
    expect(answer.status).toBe(404);
    return "absent";
  }
  expect(answer.status).toBe(200);
  expect(parsed(named, answer).metadata.name).toBe(name);
  return "found";
}

/** Everything in a list is what was asked for, by its label. */
function areFound(label: string, asked: string, values: readonly unknown[], answer: WireAnswer): string {
  if (values.length === 0) return "none";
  expect(answer.status).toBe(200);
  for (const {
    metadata: { labels },
  } of parsed(labelled, answer).items)
    expect(labels[label]).toBe(asked);
  return "found";
}

const observed = z.strictObject({
  uid: z.string(),
  resourceVersion: z.string(),
  labels: z.record(z.string(), z.string()),
  token: z.strictObject({ generation: z.int(), sequence: z.int() }).optional(),
});
const container = z.strictObject({
  name: z.string(),
  restarts: z.int(),
  waiting: z.strictObject({ reason: z.string(), message: z.string() }).optional(),
  terminated: z.strictObject({ reason: z.string(), exitCode: z.int() }).optional(),
});
const podStatus = z.strictObject({
  name: z.string(),
  ready: z.boolean(),
  terminating: z.boolean(),
  starting: z.boolean(),
  containers: z.array(container),
});
const workloadStatus = z.object({
  name: z.string(),
  generation: z.number(),
  observedGeneration: z.int(),
  specReplicas: z.int(),
  replicas: z.int(),
  updatedReplicas: z.int(),
  availableReplicas: z.int(),
});

interface Asked<T> {
  name: string;
  good: GoodAnswer;
  others?: readonly Json[];
  /** The request whose answer is spoiled; the others are answered with an empty list. */
  isIt?: (request: KubeRequest) => boolean;
  call: (cluster: Cluster, signal: AbortSignal) => Promise<T>;
  check: (value: T, answer: WireAnswer) => string;
}

function question<T>({ name, good, others = [], isIt = () => true, call, check }: Asked<T>): Question {
  return {
    name,
    ask: async (random) => {
      const spoiled = spoilAnswer(random, good, others);
      const met = await meet(call(createCluster(answering(spoiled, isIt), "models"), new AbortController().signal));
      if (met.kind === "error") return { spoiled, became: nameOf(met.error) };
      if ("error" in spoiled) return expect.fail(`${show(spoiled)} became ${JSON.stringify(met.value)}`);
      try {
        return { spoiled, became: check(met.value, spoiled.answer) };
      } catch (error) {
        throw new Error(`${show(spoiled)} became ${JSON.stringify(met.value)}`, { cause: error });
      }
    },
  };
}

/** A KubeHttp as the real one is: without an answer it throws a TransientError. */
export function answering(spoiled: Spoiled, isIt: (request: KubeRequest) => boolean): KubeHttp {
  return async (request) => {
    if (!isIt(request)) return { status: EMPTY.status, body: EMPTY.body.toString("utf8") };
    if ("error" in spoiled) throw new TransientError("unreachable", "The API server gave no answer.");
    return { status: spoiled.answer.status, body: spoiled.answer.body.toString("utf8") };
  };
}

export const KUBERNETES: readonly Question[] = [
  question({
    name: "reading an object",
    good: { status: 200, body: config(CONFIG.metadata.name) },
    others: [config("churn-config-another"), workload("churn"), list(config(CONFIG.metadata.name))],
    call: (cluster, signal) => cluster.read(CONFIG, signal),
    check: (value, answer) => {
      if (value !== undefined) observed.parse(value);
      return isFound(CONFIG.metadata.name, value, answer);
    },
  }),
  question({
    name: "reading a workload",
    good: { status: 200, body: workload("churn") },
    others: [workload("another"), config("churn"), list(workload("churn"))],
    call: (cluster, signal) => cluster.workload("churn", signal),
    check: (value, answer) => {
      if (value !== undefined) workloadStatus.parse(value);
      return isFound("churn", value, answer);
    },
  }),
  question({
    name: "listing pods",
    good: { status: 200, body: list(pod("churn-1", TEMPLATE), pod("churn-2", TEMPLATE)) },
    others: [list(pod("churn-1", "another"), pod("churn-2", TEMPLATE)), list(config("a")), pod("churn-1", TEMPLATE)],
    call: (cluster, signal) => cluster.pods(TEMPLATE, signal),
    check: (value, answer) => {
      z.array(podStatus).parse(value);
      return areFound(LABELS.template, TEMPLATE, value, answer);
    },
  }),
  question({
    name: "listing what is owned",
    good: { status: 200, body: list(config("churn-config-1"), config("churn-config-2")) },
    others: [
      list(pod("churn-1", TEMPLATE)),
      config("churn-config-1"),
      list({ ...(config("a") as object), metadata: { name: "a" } }),
    ],
    isIt: ({ path }) => path.includes("configmaps"),
    call: (cluster, signal) => cluster.listOwned(TARGET, signal),
    check: (value, answer) => {
      for (const { reference, ...one } of value) {
        observed.parse(one);
        expect(reference).toMatchObject({ apiVersion: "v1", kind: "ConfigMap", metadata: { namespace: "models" } });
      }
      return areFound(LABELS.target, TARGET, value, answer);
    },
  }),
  question({
    name: "discovering kinds",
    good: {
      status: 200,
      body: { kind: "APIResourceList", resources: [{ name: "servicemonitors", kind: "ServiceMonitor" }] },
    },
    others: [{ kind: "APIResourceList", resources: [] }, list(config("a"))],
    call: (cluster, signal) => cluster.kinds("monitoring.coreos.com/v1", signal),
    check: (value, { status }) => {
      for (const kind of value) expect(typeof kind).toBe("string");
      if (value.length === 0) expect([200, 404]).toContain(status);
      return value.length === 0 ? "none" : "found";
    },
  }),
  question({
    name: "handing replicas over",
    good: { status: 200, body: workload("churn") },
    others: [workload("another"), config("churn")],
    call: (cluster, signal) => cluster.apply(AUTOSCALED, OWNED, signal),
    check: (value, { status }) => {
      expect(value === "applied" ? [200, 201] : [409, 422]).toContain(status);
      return value;
    },
  }),
  question({
    name: "applying",
    good: { status: 200, body: config(CONFIG.metadata.name) },
    call: (cluster, signal) => cluster.apply(CONFIG, SEEN, signal),
    check: (value, { status }) => {
      expect(value === "applied" ? [200, 201] : [409, 422]).toContain(status);
      return value;
    },
  }),
  question({
    name: "removing",
    good: { status: 200, body: { kind: "Status", apiVersion: "v1", status: "Success" } },
    call: (cluster, signal) => cluster.remove({ ...SEEN, reference: CONFIG }, signal),
    check: (_value, { status }) => {
      if (status >= 300) expect([404, 409]).toContain(status);
      return "removed";
    },
  }),
  question({
    name: "reading a log",
    good: { status: 200, body: "starting\nTraceback (most recent call last):\nError: the model cannot be read\n" },
    call: (cluster, signal) => cluster.lastLines("churn-1", "model", 100, signal),
    check: (value, { status }) => {
      expect(status).toBe(200);
      expect(value.length).toBeLessThanOrEqual(100);
      for (const line of value) expect(typeof line).toBe("string");
      return "lines";
    },
  }),
  question({
    name: "asking whether it is there",
    good: { status: 200, body: { major: "1", minor: "34", gitVersion: "v1.34.0" } },
    call: (cluster, signal) => cluster.ping(signal),
    check: (_value, { status }) => {
      expect(status).toBe(200);
      return "there";
    },
  }),
];
