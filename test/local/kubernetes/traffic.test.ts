import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Cluster, isReal, joinNode, podAddress, refusal, report, startCluster, until } from "./cluster.ts";
import { type FakeKubelet, startKubelet } from "./kubelet.ts";

const namespace = "default";
let cluster: Cluster;
let pods: Server;
let port: number;

/** What the process of a pod was asked. */
interface Echo {
  /** The pod's own. */
  address: string | undefined;
  method: string;
  url: string;
  host: string;
  authorization: string | undefined;
  custom: string | undefined;
  body: string;
}

beforeAll(async () => {
  cluster = await startCluster();
  pods = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method, url, headers, socket } = request;
      const echo = {
        address: socket.localAddress,
        method,
        url,
        host: headers.host,
        authorization: headers.authorization,
        custom: headers["x-custom"],
      };
      response.writeHead(url === "/teapot" ? 418 : 200, { "content-type": "application/json", "x-answer": "yes" });
      response.end(JSON.stringify({ ...echo, body: Buffer.concat(chunks).toString() }));
    });
  });
  await new Promise<void>((resolve) => pods.listen(0, "0.0.0.0", resolve));
  port = (pods.address() as AddressInfo).port;
  await joinNode(cluster, "plain");
});
afterAll(async () => {
  pods.closeAllConnections();
  await new Promise((resolve) => pods.close(resolve));
  await cluster.close();
});

async function startPod(name: string, podIP: string, ready = true): Promise<void> {
  const body = {
    metadata: { name, labels: { app: name.split("-")[0] ?? "" } },
    spec: { containers: [{ name: "app", image: "app:1", ports: [{ name: "http", containerPort: port }] }] },
  };
  await cluster.core.createNamespacedPod({ namespace, body });
  await report(cluster, await cluster.core.readNamespacedPod({ namespace, name }), ready, podIP);
}

const expose = (name: string, targetPort: number | string = "http") =>
  cluster.core.createNamespacedService({
    namespace,
    body: { metadata: { name }, spec: { selector: { app: name }, ports: [{ name: "web", port: 80, targetPort }] } },
  });

const addresses = async (name: string): Promise<string[]> => {
  const endpoints = await cluster.core.readNamespacedEndpoints({ namespace, name });
  return (endpoints.subsets ?? []).flatMap((subset) => (subset.addresses ?? []).map(({ ip }) => ip));
};

const behind = (name: string, ...ips: string[]) =>
  until(`${ips.join()} behind ${name}`, async () => {
    const read = await addresses(name).catch(() => undefined);
    return read?.sort().join() === ips.join();
  });

const base = "/api/v1/namespaces/default";
const NO_ADDRESS = "no preferred addresses found; known addresses: []";

describe("the pod proxy", () => {
  test("passes method, path, query, headers, body and answer through, but not the caller's token", async () => {
    await startPod("proxied", podAddress(1));
    const answer = await cluster.call("POST", `${base}/pods/proxied:${port}/proxy/a%2Fb%20c/?x=1%2F2`, "hello", {
      // A real server lets nobody in with a token it does not know: there the test's own is the one to be kept back.
      ...(isReal ? {} : { authorization: "Bearer secret" }),
      "x-custom": "kept",
    });
    expect(answer.code).toBe(200);
    expect(answer.headers.get("x-answer")).toBe("yes");
    const echo: Echo = {
      address: podAddress(1),
      method: "POST",
      url: "/a/b%20c/?x=1%2F2",
      host: new URL(cluster.config.getCurrentCluster()?.server ?? "").host,
      authorization: undefined,
      custom: "kept",
      body: "hello",
    };
    expect(answer.body).toEqual(echo);
  });

  test("takes the scheme before the name, and the first port where none is said", async () => {
    expect((await cluster.call("GET", `${base}/pods/http:proxied:${port}/proxy/`)).code).toBe(200);
    expect((await cluster.call("GET", `${base}/pods/proxied/proxy/`)).code).toBe(200);
  });

  test.skipIf(isReal)("says 501 to https, which the stand-in does not speak to pods", async () => {
    expect((await cluster.call("GET", `${base}/pods/https:proxied:${port}/proxy/`)).code).toBe(501);
  });

  test("passes an answer that is no success as it is", async () => {
    expect((await cluster.call("GET", `${base}/pods/proxied:${port}/proxy/teapot`)).code).toBe(418);
  });

  test("says 503 when nobody listens, 400 when the pod has no address, 404 when there is no pod", async () => {
    const dead = await cluster.call("GET", `${base}/pods/proxied:1/proxy/`);
    expect(dead).toMatchObject({ code: 503, body: { reason: "ServiceUnavailable" } });
    await cluster.core.createNamespacedPod({
      namespace,
      body: { metadata: { name: "homeless" }, spec: { containers: [{ name: "a", image: "a" }] } },
    });
    expect((await cluster.call("GET", `${base}/pods/homeless:80/proxy/`)).code).toBe(400);
    expect((await cluster.call("GET", `${base}/pods/none:80/proxy/`)).code).toBe(404);
  });
});

describe("a service", () => {
  test("has the ready pods behind it, by the number of their named port", async () => {
    await expose("ready");
    await startPod("ready-1", podAddress(1));
    await startPod("ready-2", podAddress(2), false);
    await behind("ready", podAddress(1));
    const { subsets } = await cluster.core.readNamespacedEndpoints({ namespace, name: "ready" });
    expect(subsets?.[0]).toMatchObject({ notReadyAddresses: [{ ip: podAddress(2) }], ports: [{ name: "web", port }] });
    await report(cluster, await cluster.core.readNamespacedPod({ namespace, name: "ready-2" }), true, podAddress(2));
    await behind("ready", podAddress(1), podAddress(2));
    await cluster.core.deleteNamespacedPod({ namespace, name: "ready-1" });
    await behind("ready", podAddress(2));
  });

  test("has an EndpointSlice too, in which a terminating pod is told as such", async () => {
    const slices = await cluster.call(
      "GET",
      "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?labelSelector=kubernetes.io/service-name%3Dready",
    );
    expect(slices.body).toMatchObject({
      items: [
        {
          addressType: "IPv4",
          endpoints: [
            { addresses: [podAddress(1)], conditions: { ready: false, terminating: true } },
            { addresses: [podAddress(2)], conditions: { ready: true, terminating: false } },
          ],
        },
      ],
    });
  });

  test("is proxied to its ready pods in turn, by port name or number", async () => {
    await expose("turns");
    for (const i of [1, 2]) await startPod(`turns-${i}`, podAddress(i));
    await behind("turns", podAddress(1), podAddress(2));
    const ask = async (target: string) => {
      const { body } = await cluster.call("GET", `${base}/services/${target}/proxy/`);
      return (body as Echo).address;
    };
    const pods = [podAddress(1), podAddress(2)];
    for (const target of ["turns:web", "http:turns:web"]) expect(pods).toContain(await ask(target));
    const seen = new Set([await ask("turns:80"), await ask("turns:80")]);
    // A real API server draws lots.
    if (isReal) await until("both pods", async () => seen.add(await ask("turns:80")).size === 2);
    expect(seen).toEqual(new Set(pods));
  });

  test("without a ready pod, or asked for a port it does not have, answers 503", async () => {
    await expose("empty");
    await until("its endpoints", async () => (await addresses("empty").catch(() => undefined)) !== undefined);
    const none = await cluster.call("GET", `${base}/services/empty:80/proxy/`);
    expect(none).toMatchObject({ code: 503, body: { message: 'no endpoints available for service "empty"' } });
    expect((await cluster.call("GET", `${base}/services/empty:81/proxy/`)).code).toBe(503);
  });

  test("gets an address of its own, and keeps it", async () => {
    const first = await expose("address-1");
    const second = await expose("address-2");
    expect(first.spec?.clusterIP).toMatch(/^10\.96\./);
    expect(second.spec?.clusterIP).not.toBe(first.spec?.clusterIP);
    const body = { metadata: { name: "address-1" }, spec: { ports: [{ port: 81 }] } };
    const replaced = await cluster.core.replaceNamespacedService({ namespace, name: "address-1", body });
    expect(replaced.spec?.clusterIP).toBe(first.spec?.clusterIP);
  });
});

describe("scheduling", () => {
  const unscheduled = {
    metadata: { name: "picky" },
    spec: { nodeSelector: { disk: "ssd" }, containers: [{ name: "app", image: "app:1" }] },
  };
  const read = () => cluster.core.readNamespacedPod({ namespace, name: "picky" });

  test("a pod that fits no node stays pending and says so, until one comes", async () => {
    await cluster.core.createNamespacedPod({ namespace, body: unscheduled });
    const pending = await until("the condition", async () => (await read()).status?.conditions?.[0]);
    expect(pending).toMatchObject({ type: "PodScheduled", status: "False", reason: "Unschedulable" });
    await joinNode(cluster, "fast");
    await cluster.core.patchNode({
      name: "fast",
      body: [{ op: "add", path: "/metadata/labels", value: { disk: "ssd" } }],
    });
    await until("a node", async () => (await read()).spec?.nodeName === "fast");
    expect((await read()).status?.conditions).toMatchObject([{ type: "PodScheduled", status: "True" }]);
  });

  test("a binding can be made by hand, once", async () => {
    const body = {
      metadata: { name: "bound" },
      spec: { schedulerName: "none", containers: [{ name: "app", image: "app:1" }] },
    };
    await cluster.core.createNamespacedPod({ namespace, body });
    const binding = { metadata: { name: "bound" }, target: { kind: "Node", name: "plain" } };
    const bind = () => cluster.call("POST", `${base}/pods/bound/binding`, binding);
    expect((await bind()).code).toBe(201);
    expect((await bind()).code).toBe(409);
    expect((await cluster.core.readNamespacedPod({ namespace, name: "bound" })).spec?.nodeName).toBe("plain");
  });
});

describe("logs", () => {
  let kubelet: FakeKubelet;
  beforeAll(async () => {
    kubelet = await startKubelet(cluster, () => true, "logging");
  });
  afterAll(() => kubelet.close());
  const pod = (name: string, nodeName: string, containers = [{ name: "app", image: "app:1" }]) =>
    cluster.core.createNamespacedPod({ namespace, body: { metadata: { name }, spec: { nodeName, containers } } });
  const log = (name: string, query = {}) => cluster.core.readNamespacedPodLog({ namespace, name, ...query });

  test("come from the kubelet of the pod's node, with what was asked for", async () => {
    await pod("talker", "logging");
    expect(await log("talker", { tailLines: 5, previous: true })).toBe(
      "log of /containerLogs/default/talker/app?previous=true&tailLines=5\n",
    );
  });

  test("of a pod with several containers need a name", async () => {
    await pod("double", "logging", [
      { name: "a", image: "a" },
      { name: "b", image: "b" },
    ]);
    expect((await refusal(log("double"))).code).toBe(400);
    expect((await refusal(log("double", { container: "c" }))).code).toBe(400);
    expect(await log("double", { container: "b" })).toContain("/double/b");
  });

  test("are a 500 without a reason when the kubelet says no address or does not answer", async () => {
    await pod("mute", "plain");
    expect(await refusal(log("mute"))).toEqual({ code: 500, message: NO_ADDRESS });
    await joinNode(cluster, "deaf", { type: "InternalIP", address: podAddress(9) });
    await pod("unheard", "deaf");
    expect(await refusal(log("unheard"))).toMatchObject({
      code: 500,
      message: expect.stringMatching(/^Get "http/),
    });
  });
});
