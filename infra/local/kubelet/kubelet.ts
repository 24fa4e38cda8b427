import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pullImage } from "../container-registry/pull.ts";
import { type NodeAddresses, nodeShares } from "./addresses.ts";
import { createClusterClient } from "./cluster-client.ts";
import { createImageStore, type PullImage } from "./images.ts";
import { type FindLog, type KubeletServer, listenKubelet } from "./kubelet-server.ts";
import { refuseOtherNodes, registerNode } from "./node.ts";
import { createPodSet, type PodSet } from "./pod-set.ts";
import { watchPods } from "./pod-watch.ts";
import { createProcessRuntime } from "./process-runtime.ts";

export type KubeletOptions = {
  /** A kubeconfig as YAML; its user must be able to do what a kubelet does. */
  readonly kubeconfig: string;
  /** Default "process-node". */
  readonly nodeName?: string;
  /** An IPv4 network of /8 to /24 whose addresses are this machine's; default 127.77.0.0/16. */
  readonly podNetwork?: string;
  /** Default http for registries on this machine when no `ca` is given, https for all others. */
  readonly registryScheme?: "http" | "https";
  /** PEM of the authority behind the registry's certificate. */
  readonly ca?: string;
  /** Where images and pods are unpacked; default the OS temp directory. */
  readonly directory?: string;
  /** The first wait of the restart and pull back-off; default 10. */
  readonly initialBackOffSeconds?: number;
  /** The longest wait; default 300. */
  readonly maxBackOffSeconds?: number;
  /** Told what went wrong and is tried again; default nothing. */
  readonly log?: (message: string) => void;
  /** Default the client of the embedded registry, which speaks to any OCI registry without credentials. */
  readonly pull?: PullImage;
};

/** A kubelet whose pods are processes of this machine. */
export type Kubelet = {
  /** Registers the node and begins to run its pods; throws when the cluster has other nodes. */
  start(): Promise<void>;
  /** Ends every pod's processes and removes the node. */
  stop(): Promise<void>;
};

const PORT = 10_250;

export function createKubelet(options: KubeletOptions): Kubelet {
  let stop: (() => Promise<void>) | undefined;
  return {
    async start() {
      if (stop) throw new Error("the kubelet runs already");
      stop = await begin(options);
    },
    async stop() {
      await stop?.();
      stop = undefined;
    },
  };
}

/** Starts everything and returns what ends it again, in reverse order; ends what was started when a part fails. */
async function begin(options: KubeletOptions): Promise<() => Promise<void>> {
  const { nodeName = "process-node", log = () => undefined } = options;
  const ends: (() => Promise<void>)[] = [];
  const endAll = async () => {
    for (const end of ends.splice(0).reverse()) {
      await end().catch((error: unknown) => log(`stop: ${error instanceof Error ? error.message : error}`));
    }
  };
  try {
    const client = createClusterClient(options.kubeconfig);
    await refuseOtherNodes(client, nodeName);
    const directory = await makeDirectory(options.directory ?? tmpdir());
    ends.push(() => rm(directory, { recursive: true, force: true, maxRetries: 3 }));
    const runtime = createProcessRuntime({ directory });
    ends.push(runtime.close);
    let pods: PodSet | undefined;
    const { server, addresses } = await listen(options.podNetwork ?? "127.77.0.0/16", (...asked) =>
      pods?.findLog(...asked),
    );
    ends.push(server.close);
    const node = await registerNode(client, { name: nodeName, ip: addresses.nodeIP, port: server.port });
    ends.push(node.remove);

    const stopping = new AbortController();
    const { signal } = stopping;
    const { registryScheme: scheme, ca, pull = pullImage } = options;
    const images = createImageStore({ directory: join(directory, "images"), pull, scheme, ca, signal });
    const { initialBackOffSeconds: initialSeconds = 10, maxBackOffSeconds: maxSeconds = 300 } = options;
    const limits = { initialSeconds, maxSeconds };
    const podDirectory = join(directory, "pods");
    pods = createPodSet({
      core: client.core,
      images,
      runtime,
      limits,
      nodeName,
      addresses,
      directory: podDirectory,
      log,
    });
    const loops = [watchPods({ client, nodeName, changes: pods, signal, log }), node.renew(signal, log)];
    ends.push(async () => {
      stopping.abort();
      await Promise.all(loops);
      await pods?.stop();
    });
    return endAll;
  } catch (error) {
    await endAll();
    throw error;
  }
}

/** The empty package.json keeps whatever lies above from changing how Node reads an image's files. */
async function makeDirectory(parent: string): Promise<string> {
  const directory = await mkdtemp(join(parent, "kubelet-"));
  await writeFile(join(directory, "package.json"), "{}\n");
  await mkdir(join(directory, "images"));
  await mkdir(join(directory, "pods"));
  return directory;
}

/** Takes the first share of the pod network whose own address is free: several kubelets of one machine never share addresses. */
async function listen(
  podNetwork: string,
  findLog: FindLog,
): Promise<{ server: KubeletServer; addresses: NodeAddresses }> {
  for (const addresses of nodeShares(podNetwork)) {
    const server = await listenKubelet(addresses.nodeIP, PORT, findLog).catch((error: unknown) => {
      if (codeOf(error) === "EADDRINUSE") return undefined;
      throw codeOf(error) === "EADDRNOTAVAIL" ? notOurs(addresses.nodeIP, error) : error;
    });
    if (server) return { server, addresses };
  }
  throw new Error(`every share of ${podNetwork} is taken by another kubelet of this machine`);
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

function notOurs(address: string, cause: unknown): Error {
  return new Error(
    `${address} is no address of this machine. Choose a podNetwork that is; macOS knows 127.0.0.1 only, until others ` +
      "are added with: sudo ifconfig lo0 alias ADDRESS",
    { cause },
  );
}
