import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isAlive } from "./alive.ts";
import { firstStatus, isReady, pidOf, startCluster, type TestCluster } from "./cluster.ts";

const SLEEP = "setInterval(() => {}, 1000);";

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(async () => {
  await cluster.close();
});

describe("a pod that fails", () => {
  it("goes to CrashLoopBackOff when it crashes again, and keeps what the dead instance wrote", async () => {
    const image = await cluster.script(`console.error("boom"); process.exit(7);`);
    await cluster.create("crash", { image });
    const pod = await cluster.until(
      "crash",
      (found) => firstStatus(found)?.state?.waiting?.reason === "CrashLoopBackOff",
    );
    expect(pod.status?.phase).toBe("Running");
    expect(firstStatus(pod)).toMatchObject({
      restartCount: 1,
      ready: false,
      lastState: { terminated: { exitCode: 7, reason: "Error" } },
    });
    const which = { name: "crash", namespace: cluster.namespace };
    expect(await cluster.core.readNamespacedPodLog({ ...which, previous: true })).toBe("boom\n");
    expect(await cluster.reasons("crash")).toContain("BackOff");
    await cluster.until("crash", (found) => (firstStatus(found)?.restartCount ?? 0) >= 2);
  });

  it("goes to ImagePullBackOff when the digest is unknown", async () => {
    const image = await cluster.script(SLEEP);
    const unknown = image.replace(/sha256:.*/, `sha256:${"0".repeat(64)}`);
    await cluster.create("nowhere", { image: unknown });
    const pod = await cluster.until(
      "nowhere",
      (found) => firstStatus(found)?.state?.waiting?.reason === "ImagePullBackOff",
    );
    expect(pod.status?.phase).toBe("Pending");
    expect(firstStatus(pod)?.state?.waiting?.message).toContain(`failed to pull image "${unknown}"`);
    expect(await cluster.reasons("nowhere")).toEqual(expect.arrayContaining(["Failed", "BackOff"]));
  });

  it("is restarted when its liveness probe fails", async () => {
    const image = await cluster.script(`
      require("node:http").createServer((q, r) => r.writeHead(500).end()).listen(8080, process.env.HOST);`);
    const livenessProbe = { httpGet: { port: 8080 }, periodSeconds: 1, failureThreshold: 1 };
    await cluster.create("sick", { image, livenessProbe });
    const pod = await cluster.until("sick", (found) => (firstStatus(found)?.restartCount ?? 0) >= 1);
    expect(firstStatus(pod)?.lastState?.terminated).toMatchObject({ exitCode: 143, reason: "Error" });
    expect(await cluster.reasons("sick")).toEqual(expect.arrayContaining(["Unhealthy", "Killing"]));
  });

  it("says that a command is not in its image", async () => {
    const image = await cluster.script("");
    await cluster.create("shell", { image, command: ["sh"] }, { restartPolicy: "Never" });
    const pod = await cluster.until("shell", ({ status }) => status?.phase === "Failed");
    expect(firstStatus(pod)?.state?.terminated).toMatchObject({ exitCode: 128, reason: "StartError" });
  });

  it.runIf(process.platform === "linux")("is OOMKilled when it outgrows its memory", async () => {
    const image = await cluster.script(`globalThis.held = Buffer.alloc(100 * 2 ** 20, 1); ${SLEEP}`);
    await cluster.create("hungry", { image, resources: { limits: { memory: "100Mi" } } }, { restartPolicy: "Never" });
    const pod = await cluster.until("hungry", ({ status }) => status?.phase === "Failed");
    expect(firstStatus(pod)?.state?.terminated).toMatchObject({ exitCode: 137, reason: "OOMKilled" });
  });
});

describe("a kubelet that stops", () => {
  it("leaves no process and no node, also where a pod ignores SIGTERM", async () => {
    const image = await cluster.script(`process.on("SIGTERM", () => {}); ${SLEEP}`);
    await cluster.create("stubborn", { image });
    const pod = await cluster.until("stubborn", isReady);
    expect(isAlive(pidOf(pod))).toBe(true);
    await cluster.kubelet.stop();
    expect(isAlive(pidOf(pod))).toBe(false);
    expect((await cluster.core.listNode()).items).toEqual([]);
    expect(cluster.log).toEqual([]);
  });
});
