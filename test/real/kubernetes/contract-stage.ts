import { PatchStrategy, setHeaderOptions, type V1Pod } from "@kubernetes/client-node";
import { afterAll, beforeAll, vi } from "vitest";
import { pullImage } from "../../../infra/local/container-registry/pull.ts";
import { type ClusterStage, clusterContract, type PodFate } from "../../contracts/cluster.ts";
import { removeNamespace } from "../../local/kubernetes/real-cluster.ts";
import { type Administrator, becomeAdministrator, openAs } from "./administrator.ts";
import { setUpBelay } from "./belay-account.ts";
import { joinProcessNode, type ProcessNode } from "./process-node.ts";

const PORT = 8080;
const asApply = setHeaderOptions("Content-Type", PatchStrategy.ServerSideApply);
const WAIT = { timeout: 20_000, interval: 50 };

/** What the pods' processes are. */
const SCRIPTS: Readonly<Record<PodFate, string>> = {
  good: serving(200),
  unhealthy: serving(500),
  crash: 'console.error("starting\\nError: the model cannot be read"); process.exit(1);',
};

function serving(health: number): string {
  return `require("node:http").createServer((request, response) => {
    response.writeHead(request.url === "/ready" ? ${health} : 200);
    response.end('{"predictions": [0.5]}');
  }).listen(${PORT}, process.env.HOST);`;
}

/** The cluster's contract against the real server, as the administrator or as Belay's own account; pods are processes. */
export function realClusterContract(who: "administrator" | "account"): void {
  let admin: Administrator;
  let node: ProcessNode;
  let count = 0;
  /** The stages before: they go while the next tests run. */
  const removed: Promise<void>[] = [];
  /** By repository: resolves when the image was pushed, until when the kubelet waits. */
  const pushed = new Map<string, PromiseWithResolvers<void>>();

  beforeAll(async () => {
    admin = await becomeAdministrator();
    const pull: typeof pullImage = async (request) => {
      await pushed.get(request.repository)?.promise;
      return pullImage(request);
    };
    node = await joinProcessNode(admin, { pull });
  });
  afterAll(async () => {
    for (const { resolve } of pushed.values()) resolve();
    await Promise.all([...removed, removeNamespace(admin.core, `${who}-${count}`)]);
    await node?.leave();
    await admin?.leave();
  });

  clusterContract(`a real API server, as the ${who}`, async () => {
    if (count > 0) removed.push(removeNamespace(admin.core, `${who}-${count}`));
    count += 1;
    const namespace = `${who}-${count}`;
    const repository = `contract/${namespace}`;
    pushed.set(repository, Promise.withResolvers());
    const account = await setUpBelay(admin, namespace, { standard: false });
    return {
      ...othersIn(admin, namespace),
      access: await openAs(who === "account" ? account : admin.adminFile, namespace),
      port: PORT,
      image: `${node.registry}/${repository}:1`,
      settle: async (fate) => {
        await node.pushScript(repository, "1", SCRIPTS[fate]);
        pushed.get(repository)?.resolve();
        await untilSettled(admin, namespace, fate);
      },
    };
  });
}

/** What others do in the namespace. */
function othersIn(
  { core }: Administrator,
  namespace: string,
): Pick<ClusterStage, "touch" | "takeOver" | "recreate" | "data"> {
  const apply = (name: string, body: object, manager: object) =>
    core.patchNamespacedConfigMap(
      { namespace, name, body: { apiVersion: "v1", kind: "ConfigMap", ...body }, ...manager },
      asApply,
    );
  return {
    touch: async (name) => {
      const map = await core.readNamespacedConfigMap({ namespace, name });
      const metadata = { ...map.metadata, annotations: { ...map.metadata?.annotations, note: "x" } };
      await core.replaceNamespacedConfigMap({ namespace, name, body: { ...map, metadata } });
    },
    takeOver: async (name) => {
      const body = { metadata: { name }, data: { LEVEL: "theirs" } };
      await apply(name, body, { fieldManager: "somebody", force: true });
    },
    recreate: async (name) => {
      const { metadata, data = {} } = await core.readNamespacedConfigMap({ namespace, name });
      await core.deleteNamespacedConfigMap({ namespace, name });
      const { labels = {}, annotations = {} } = metadata ?? {};
      await apply(name, { metadata: { name, labels, annotations }, data }, { fieldManager: "belay" });
    },
    data: async (name) => (await core.readNamespacedConfigMap({ namespace, name })).data,
  };
}

/** Both pods are as their image makes them: the dead ones back off, the others answer. */
async function untilSettled({ core, adminFile }: Administrator, namespace: string, fate: PodFate): Promise<void> {
  await vi.waitFor(async () => {
    const { items } = await core.listNamespacedPod({ namespace });
    const settled = items.filter((pod) => (fate === "crash" ? backsOff(pod) : isReady(pod)));
    if (settled.length !== 2) throw new Error(`${settled.length} of ${items.length} pods have settled`);
    if (fate === "crash") return;
    const { prober } = await openAs(adminFile, namespace);
    for (const { metadata } of settled) {
      const answer = await prober.getPod(metadata?.name ?? "", PORT, "/metrics", 2, AbortSignal.timeout(5_000));
      if (answer.kind !== "answer") throw new Error(answer.reason);
    }
  }, WAIT);
}

function backsOff({ status }: V1Pod): boolean {
  return status?.containerStatuses?.[0]?.state?.waiting?.reason === "CrashLoopBackOff";
}

function isReady({ status }: V1Pod): boolean {
  return status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True") === true;
}
