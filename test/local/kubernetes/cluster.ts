import {
  ApiException,
  AppsV1Api,
  CoreV1Api,
  KubeConfig,
  PatchStrategy,
  setHeaderOptions,
  type V1Deployment,
  type V1NodeAddress,
  type V1NodeStatus,
  type V1Pod,
} from "@kubernetes/client-node";
import { generate } from "selfsigned";
import {
  type ControlPlane,
  type ControlPlaneOptions,
  createControlPlane,
} from "../../../infra/local/kubernetes/control-plane.ts";
import { connectCluster } from "./real-cluster.ts";
import { isReal, realKubeconfig, until } from "./until.ts";

export { isReal, until };

/** A listening control plane, the unmodified client's APIs for it, and plain HTTP. */
export interface Cluster {
  plane: ControlPlane;
  config: KubeConfig;
  core: CoreV1Api;
  apps: AppsV1Api;
  /** One raw request; the answer's body as parsed JSON, or text. */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  close(): Promise<void>;
}

/** What came back. */
export interface Answer {
  code: number;
  body: unknown;
  headers: Headers;
}

/** The n-th address that a pod may have: on a real control plane none of loopback, and in its private network all of these are local. */
export function podAddress(n: number): string {
  return isReal ? `10.244.200.${n}` : `127.0.0.${n}`;
}

/**
 * Starts a control plane for one test file, or goes to the one that KUBERNETES_TEST_KUBECONFIG names; `caPem` is for
 * one with TLS, whose `call` then does not work.
 */
export async function startCluster(options: ControlPlaneOptions = {}, caPem?: string): Promise<Cluster> {
  if (realKubeconfig !== undefined) return connectCluster(realKubeconfig);
  const plane = createControlPlane(options);
  await plane.listen();
  const config = new KubeConfig();
  config.loadFromString(plane.kubeconfig(caPem === undefined ? {} : { caPem }));
  const call: Cluster["call"] = async (method, path, body, headers = {}) => {
    const answer = await fetch(`${plane.url}${path}`, {
      method,
      headers: { "content-type": "application/json", ...headers },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    const json = answer.headers.get("content-type")?.includes("json") === true;
    return { code: answer.status, body: json ? JSON.parse(text) : text, headers: answer.headers };
  };
  return {
    plane,
    config,
    core: config.makeApiClient(CoreV1Api),
    apps: config.makeApiClient(AppsV1Api),
    call,
    close: () => plane.close(),
  };
}

/** The option that makes a patch a server-side apply. */
export const asApply = setHeaderOptions("Content-Type", PatchStrategy.ServerSideApply);

/** The Status of a refused call. */
export async function refusal(call: Promise<unknown>): Promise<{ code: number; reason: string; message: string }> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof ApiException)) throw error;
    const { reason, message } = typeof error.body === "string" ? JSON.parse(error.body) : error.body;
    return { code: error.code, reason, message };
  }
  throw new Error("the call was not refused");
}

/** A key and a certificate that is its own authority, for 127.0.0.1. */
export async function selfSigned(): Promise<{ key: string; cert: string }> {
  const altNames = [{ type: 7 as const, ip: "127.0.0.1" }];
  const extensions = [{ name: "subjectAltName" as const, altNames }];
  const pems = await generate([{ name: "commonName", value: "127.0.0.1" }], { keySize: 2048, extensions });
  return { key: pems.private, cert: pems.cert };
}

/** A small Deployment. */
export function deployment(name: string, spec: Partial<V1Deployment["spec"]> = {}, image = "app:1"): V1Deployment {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name },
    spec: {
      replicas: 3,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: "app", image }] } },
      ...spec,
    },
  };
}

/** What a scheduler wants to know of a node, as its status has it. */
const ROOM = { cpu: "64", memory: "64Gi", pods: "200" };

/** What a kubelet says of its node when it registers it: a real control plane believes it for 50 s without another word. */
export function readyStatus(): Pick<V1NodeStatus, "capacity" | "allocatable" | "conditions"> {
  const now = new Date();
  const ready = { type: "Ready", status: "True", lastHeartbeatTime: now, lastTransitionTime: now };
  return { capacity: ROOM, allocatable: ROOM, conditions: [ready] };
}

/** Joins a ready node; with an address, where nobody listens. */
export async function joinNode({ core }: Cluster, name = "node-1", address?: V1NodeAddress): Promise<void> {
  const kubelet = address && { addresses: [address], daemonEndpoints: { kubeletEndpoint: { Port: 1 } } };
  await core.createNode({ body: { metadata: { name }, status: { ...readyStatus(), ...kubelet } } });
  await takesPods(core, name);
}

/** A real control plane taints a node that is new, and takes that back when it has seen that the node is ready. */
export async function takesPods(core: CoreV1Api, name: string): Promise<void> {
  await until(`${name} without taints`, async () => (await core.readNode({ name })).spec?.taints === undefined);
}

/** Says what a kubelet says of a pod. */
export async function report({ core }: Cluster, pod: V1Pod, ready: boolean, podIP = podAddress(1)): Promise<void> {
  const { name = "", namespace = "", labels = {} } = pod.metadata ?? {};
  const now = new Date();
  const condition = { type: "Ready", status: ready ? "True" : "False", lastTransitionTime: now };
  await core.replaceNamespacedPodStatus({
    name,
    namespace,
    // A real API server takes the labels for what they are to be, also through /status.
    body: { metadata: { name, labels }, status: { phase: "Running", podIP, conditions: [condition] } },
  });
}
