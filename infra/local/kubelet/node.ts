import { cpus, hostname, totalmem } from "node:os";
import { PatchStrategy, setHeaderOptions, V1MicroTime, type V1Node, type V1NodeStatus } from "@kubernetes/client-node";
import { type ClusterClient, isRefusal } from "./cluster-client.ts";
import { pause } from "./container-probes.ts";

type NodeFacts = { readonly name: string; readonly ip: string; readonly port: number };

const RENEW_SECONDS = 10;
const LEASE_SECONDS = 40;
const LEASE_NAMESPACE = "kube-node-lease";
const PODS = "253";

/** This kubelet's Node object and its Lease. */
export type NodeRegistration = {
  /** Renews the Lease and the node's Ready condition every 10 s until the signal. */
  renew(signal: AbortSignal, log: (message: string) => void): Promise<void>;
  /** Deletes both. */
  remove(): Promise<void>;
};

/** Throws when the cluster has other nodes: pods could be bound to them, which this kubelet would never start. */
export async function refuseOtherNodes({ core }: ClusterClient, name: string): Promise<void> {
  const { items } = await core.listNode();
  const others = items.map(({ metadata }) => metadata?.name).filter((other) => other !== name);
  if (others.length === 0) return;
  throw new Error(
    `the cluster already has nodes (${others.join(", ")}): this kubelet runs pods as plain processes and is made for a ` +
      "control plane without nodes. Use a kubeconfig of such a one.",
  );
}

/** Creates the Node, or takes over the one an earlier kubelet of this name left behind. */
export async function registerNode(client: ClusterClient, facts: NodeFacts): Promise<NodeRegistration> {
  const { core, coordination } = client;
  const { name } = facts;
  const since = new Date();
  await unlessThere(core.createNode({ body: nodeObject(facts, since) }));
  await unlessThere(core.createNamespace({ body: { metadata: { name: LEASE_NAMESPACE } } }));
  const update = () => {
    const options = setHeaderOptions("Content-Type", PatchStrategy.StrategicMergePatch);
    return core.patchNodeStatus({ name, body: { status: nodeStatus(facts, since, new Date()) } }, options);
  };
  await update();
  await renewLease(client, name);
  return {
    async renew(signal, log) {
      for (await pause(RENEW_SECONDS * 1000, signal); !signal.aborted; await pause(RENEW_SECONDS * 1000, signal)) {
        await Promise.all([renewLease(client, name), update()]).catch((error: unknown) => log(`node: ${error}`));
      }
    },
    async remove() {
      await coordination.deleteNamespacedLease({ name, namespace: LEASE_NAMESPACE });
      await core.deleteNode({ name });
    },
  };
}

async function unlessThere(creation: Promise<unknown>): Promise<void> {
  await creation.catch((error: unknown) => {
    if (!isRefusal(error, 409)) throw error;
  });
}

async function renewLease({ coordination }: ClusterClient, name: string): Promise<void> {
  const spec = { holderIdentity: name, leaseDurationSeconds: LEASE_SECONDS, renewTime: new V1MicroTime() };
  const metadata = { name, namespace: LEASE_NAMESPACE };
  try {
    const options = setHeaderOptions("Content-Type", PatchStrategy.MergePatch);
    await coordination.patchNamespacedLease({ ...metadata, body: { spec } }, options);
  } catch (error) {
    if (!isRefusal(error, 404)) throw error;
    const body = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata, spec };
    await coordination.createNamespacedLease({ namespace: LEASE_NAMESPACE, body });
  }
}

function nodeObject(facts: NodeFacts, since: Date): V1Node {
  const labels = {
    "kubernetes.io/hostname": facts.name,
    "kubernetes.io/os": "linux",
    "kubernetes.io/arch": architecture(),
  };
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: facts.name, labels },
    status: nodeStatus(facts, since, since),
  };
}

/** Pods here need no more than Node, so the node says linux wherever it runs: that is what manifests select. */
function nodeStatus({ name, ip, port }: NodeFacts, since: Date, now: Date): V1NodeStatus {
  const capacity = { cpu: String(cpus().length), memory: `${Math.floor(totalmem() / 1024)}Ki`, pods: PODS };
  const reason = { reason: "KubeletReady", message: "kubelet is posting ready status" };
  return {
    addresses: [
      { type: "InternalIP", address: ip },
      { type: "Hostname", address: name },
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: port } },
    capacity,
    allocatable: capacity,
    conditions: [{ type: "Ready", status: "True", lastHeartbeatTime: now, lastTransitionTime: since, ...reason }],
    nodeInfo: {
      architecture: architecture(),
      bootID: "",
      containerRuntimeVersion: `process://${process.version.slice(1)}`,
      kernelVersion: "",
      kubeProxyVersion: "",
      kubeletVersion: "v1.36.0-processes",
      machineID: "",
      operatingSystem: "linux",
      osImage: `${process.platform} host ${hostname()}`,
      systemUUID: "",
    },
  };
}

function architecture(): string {
  return process.arch === "x64" ? "amd64" : process.arch;
}
