import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CoreV1Api,
  KubeConfig,
  type V1Container,
  type V1ContainerStatus,
  type V1Pod,
  type V1PodSpec,
} from "@kubernetes/client-node";
import { expect } from "vitest";
import { createContainerRegistry } from "../../../infra/local/container-registry/container-registry.ts";
import { createKubelet } from "../../../infra/local/kubelet/kubelet.ts";
import { createControlPlane } from "../../../infra/local/kubernetes/control-plane.ts";
import { pushImage } from "../container-registry/push-image.ts";

const MODEL_SERVER = join(import.meta.dirname, "../../../infra/local/model-server");

/** A control plane, a registry and a kubelet with quick back-off, and how to look at them. */
export async function startCluster() {
  const controlPlane = await connect();
  const config = new KubeConfig();
  config.loadFromString(controlPlane.kubeconfig);
  const core = config.makeApiClient(CoreV1Api);
  const registry = createContainerRegistry();
  await registry.listen();
  const directory = await mkdtemp(join(tmpdir(), "kubelet-test-"));
  const log: string[] = [];
  const options = {
    kubeconfig: controlPlane.kubeconfig,
    podNetwork: process.env["KUBELET_TEST_POD_NETWORK"] ?? "127.77.0.0/16",
    directory,
    initialBackOffSeconds: 0.3,
    log: (message: string) => void log.push(message),
  };
  const kubelet = createKubelet(options);
  await kubelet.start();
  const namespace =
    (await core.createNamespace({ body: { metadata: { generateName: "kubelet-" } } })).metadata?.name ?? "";

  const cluster = {
    core,
    namespace,
    options,
    log,
    kubelet,
    /** The pushed image, by digest. */
    async image(files: Readonly<Record<string, string>>, config: Record<string, unknown>): Promise<string> {
      const entries = Object.entries(files).map(([name, content]) => ({ name, content }));
      const { digest } = await pushImage(registry.url, "test/app", "latest", [entries], config);
      return `${registry.loginServer}/test/app@${digest}`;
    },
    /** An image of one script, run by node. */
    script: (code: string) => cluster.image({ "app/main.js": code }, { WorkingDir: "/app", Cmd: ["node", "main.js"] }),
    /** The model server of the demo. */
    async modelServer(): Promise<string> {
      const names = ["package.json", "server.js", "model.js", "model/model.json"];
      const files: Record<string, string> = {};
      for (const name of names) files[`app/${name}`] = await readFile(join(MODEL_SERVER, name), "utf8");
      return cluster.image(files, { WorkingDir: "/app", Env: ["PORT=8080"], Cmd: ["node", "server.js"] });
    },
    async create(name: string, container: Partial<V1Container>, more: Partial<V1PodSpec> = {}): Promise<void> {
      const spec: V1PodSpec = {
        terminationGracePeriodSeconds: 5,
        containers: [{ name: "main", ...container }],
        ...more,
      };
      // A real control plane makes the service account a moment after the namespace.
      const make = () =>
        core.createNamespacedPod({ namespace, body: { metadata: { name, labels: { app: name } }, spec } });
      await expect.poll(make, { interval: 50, timeout: 5000 }).toBeDefined();
    },
    read: (name: string): Promise<V1Pod> => core.readNamespacedPod({ name, namespace }),
    /** The pod, once it is as wanted. */
    async until(name: string, isWanted: (pod: V1Pod) => boolean): Promise<V1Pod> {
      let pod: V1Pod = {};
      await expect
        .poll(
          async () => {
            pod = await cluster.read(name);
            return isWanted(pod) ? "as wanted" : JSON.stringify(pod.status);
          },
          { interval: 20, timeout: 6000 },
        )
        .toBe("as wanted");
      return pod;
    },
    async reasons(name: string): Promise<(string | undefined)[]> {
      const { items } = await core.listNamespacedEvent({ namespace, fieldSelector: `involvedObject.name=${name}` });
      return items.map(({ reason }) => reason);
    },
    async close(): Promise<void> {
      await kubelet.stop();
      await registry.close();
      // Without their kubelet nobody else would end them.
      await core.deleteCollectionNamespacedPod({ namespace, gracePeriodSeconds: 0 });
      await core.deleteNamespace({ name: namespace });
      await controlPlane.close();
      expect(await readdir(directory)).toEqual([]);
      await rm(directory, { recursive: true });
    },
  };
  return cluster;
}

export type TestCluster = Awaited<ReturnType<typeof startCluster>>;

/** The stand-in, or the control plane without nodes that KUBELET_TEST_KUBECONFIG names. */
async function connect(): Promise<{ kubeconfig: string; close(): Promise<void> }> {
  const path = process.env["KUBELET_TEST_KUBECONFIG"];
  if (path) return { kubeconfig: await readFile(path, "utf8"), close: async () => undefined };
  const controlPlane = createControlPlane();
  await controlPlane.listen();
  return { kubeconfig: controlPlane.kubeconfig(), close: controlPlane.close };
}

export function firstStatus(pod: V1Pod): V1ContainerStatus | undefined {
  return pod.status?.containerStatuses?.[0];
}

export function isReady(pod: V1Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;
}

/** The process behind a container. */
export function pidOf(pod: V1Pod): number {
  return Number(/^process:\/\/(\d+)-/.exec(firstStatus(pod)?.containerID ?? "")?.[1]);
}
