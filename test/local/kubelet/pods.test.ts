import { once } from "node:events";
import { createServer } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createKubelet } from "../../../infra/local/kubelet/kubelet.ts";
import { isAlive } from "./alive.ts";
import { firstStatus, isReady, pidOf, startCluster, type TestCluster } from "./cluster.ts";

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(async () => {
  await cluster.close();
});

describe("a pod", () => {
  it("runs an image by digest on an address of its own, becomes ready, and shows what it wrote", async () => {
    const image = await cluster.modelServer();
    const readinessProbe = { httpGet: { path: "/ready", port: "http" }, periodSeconds: 1 };
    await cluster.create("server", { image, ports: [{ name: "http", containerPort: 8080 }], readinessProbe });
    const pod = await cluster.until("server", isReady);
    expect(pod.status).toMatchObject({ phase: "Running", podIPs: [{ ip: pod.status?.podIP }] });
    expect(firstStatus(pod)).toMatchObject({ imageID: image, ready: true, started: true, restartCount: 0 });
    const answer = await fetch(`http://${pod.status?.podIP}:8080/predict`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"inputs": [[1, 1, 1]]}',
    });
    expect(await answer.text()).toBe('{"predictions":[2]}');
    const log = await cluster.core.readNamespacedPodLog({ name: "server", namespace: cluster.namespace });
    expect(log.split("\n").sort()).toEqual(["", `listening on ${pod.status?.podIP}:8080`, "model loaded: 3 inputs"]);
    expect(await cluster.reasons("server")).toEqual(expect.arrayContaining(["Pulled", "Created", "Started"]));
  });

  it("waits for its configuration, then runs its init containers and itself with it", async () => {
    const image = await cluster.script(`
      const { readFileSync, writeFileSync } = require("node:fs");
      if (process.argv[2] === "init") writeFileSync("shared/from-init", "done");
      else console.log(JSON.stringify({ args: process.argv.slice(2), mode: process.env.MODE, ip: process.env.IP,
        host: process.env.HOST, file: readFileSync("config/mode", "utf8"), init: readFileSync("shared/from-init", "utf8") }));`);
    const shared = { name: "shared", mountPath: "/app/shared" };
    await cluster.create(
      "configured",
      {
        image,
        args: ["node", "/app/main.js", "$(MODE)"],
        env: [
          { name: "MODE", valueFrom: { configMapKeyRef: { name: "settings", key: "mode" } } },
          { name: "IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
        ],
        volumeMounts: [shared, { name: "config", mountPath: "/app/config" }],
      },
      {
        restartPolicy: "Never",
        initContainers: [{ name: "init", image, args: ["node", "main.js", "init"], volumeMounts: [shared] }],
        volumes: [
          { name: "shared", emptyDir: {} },
          { name: "config", configMap: { name: "settings" } },
        ],
      },
    );
    await expect.poll(() => cluster.reasons("configured"), { interval: 20, timeout: 5000 }).toContain("FailedMount");
    const body = { metadata: { name: "settings" }, data: { mode: "fast" } };
    await cluster.core.createNamespacedConfigMap({ namespace: cluster.namespace, body });
    const pod = await cluster.until("configured", ({ status }) => status?.phase === "Succeeded");
    expect(firstStatus(pod)?.state?.terminated).toMatchObject({ exitCode: 0, reason: "Completed" });
    const log = await cluster.core.readNamespacedPodLog({ name: "configured", namespace: cluster.namespace });
    const ip = pod.status?.podIP;
    expect(JSON.parse(log)).toEqual({ args: ["fast"], mode: "fast", ip, host: ip, file: "fast", init: "done" });
  });

  it("says what this kubelet does not do", async () => {
    const image = await cluster.script("");
    await cluster.create("refused", { image, livenessProbe: { grpc: { port: 80 } } });
    const pod = await cluster.until("refused", (found) => firstStatus(found)?.state?.waiting?.message !== undefined);
    expect(firstStatus(pod)?.state?.waiting).toEqual({
      reason: "CreateContainerConfigError",
      message: "not implemented by this kubelet: grpc probes",
    });
  });

  it("ends gracefully: not ready, preStop, SIGTERM, and only then is it gone", async () => {
    const seen: string[] = [];
    const server = createServer(async (request, response) => {
      // What the kubelet says of it may arrive after the request.
      await cluster.until("graceful", (found) => !isReady(found));
      seen.push(`${request.url} not ready`);
      response.end();
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" && address ? address.port : 0;
    const image = await cluster.script(`
      process.on("SIGTERM", () => fetch("http://127.0.0.1:${port}/sigterm").then(() => process.exit(0)));
      setInterval(() => {}, 1000);
      console.log("up");`);
    const preStop = { httpGet: { host: "127.0.0.1", port, path: "/preStop" } };
    await cluster.create("graceful", { image, lifecycle: { preStop } });
    const pod = await cluster.until("graceful", isReady);
    const log = () => cluster.core.readNamespacedPodLog({ name: "graceful", namespace: cluster.namespace });
    await expect.poll(log, { interval: 20 }).toBe("up\n");
    await cluster.core.deleteNamespacedPod({ name: "graceful", namespace: cluster.namespace });
    await expect.poll(() => cluster.read("graceful").catch(() => "gone"), { interval: 20, timeout: 5000 }).toBe("gone");
    expect(seen).toEqual(["/preStop not ready", "/sigterm not ready"]);
    expect(isAlive(pidOf(pod))).toBe(false);
    server.close();
    await once(server, "close");
  });
});

describe("the kubelet", () => {
  it("refuses a cluster that has nodes of others", async () => {
    const other = createKubelet({ ...cluster.options, nodeName: "another" });
    await expect(other.start()).rejects.toThrow("the cluster already has nodes (process-node)");
  });
});
