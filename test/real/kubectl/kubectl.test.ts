import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { V1Pod } from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { type Cluster, deployment, selfSigned, startCluster } from "../../local/kubernetes/cluster.ts";
import { type FakeKubelet, startKubelet } from "../../local/kubernetes/kubelet.ts";

const run = promisify(execFile);
const isHealthy = (pod: V1Pod): boolean => pod.spec?.containers[0]?.image !== "app:broken";
let cluster: Cluster;
let kubelet: FakeKubelet;
let home: string;

/** What kubectl printed, and how it ended. */
interface Printed {
  code: number;
  out: string;
  error: string;
}

async function kubectl(...parameters: string[]): Promise<Printed> {
  // Nothing of the caller's environment: no proxies, no cache, no other cluster.
  const env = {
    PATH: process.env["PATH"],
    HOME: home,
    KUBECACHEDIR: join(home, "cache"),
    KUBECONFIG: join(home, "config"),
  };
  try {
    const { stdout, stderr } = await run("kubectl", parameters, { env, timeout: 60_000 });
    return { code: 0, out: stdout, error: stderr };
  } catch (error) {
    if (!(error instanceof Error) || !("code" in error)) throw error;
    if (error.code === "ENOENT")
      throw new Error(
        "kubectl is not installed: put kubectl 1.32 or later on the PATH (https://kubernetes.io/docs/tasks/tools/)",
      );
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    return { code: Number(error.code), out: stdout, error: stderr };
  }
}

/** kubectl must succeed; what it printed. */
async function printed(...parameters: string[]): Promise<string> {
  const { code, out, error } = await kubectl(...parameters);
  if (code !== 0) throw new Error(`kubectl ${parameters.join(" ")} ended with ${code}: ${error}`);
  return out;
}

async function manifest(image: string, spec: object = {}): Promise<string> {
  const file = join(home, `${image.replace(":", "-")}.yaml`);
  const service = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web" },
    spec: { selector: { app: "web" }, ports: [{ port: 80 }] },
  };
  await writeFile(file, [deployment("web", spec, image), service].map((object) => stringify(object)).join("---\n"));
  return file;
}

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "belay-kubectl-"));
  const tls = await selfSigned();
  cluster = await startCluster({ tls, tokens: ["lane"] }, tls.cert);
  await writeFile(join(home, "config"), cluster.plane.kubeconfig({ caPem: tls.cert }));
  kubelet = await startKubelet(cluster, isHealthy);
  await printed("version");
});
afterAll(async () => {
  await kubelet?.close();
  await cluster?.close();
  await rm(home, { recursive: true, force: true });
});

describe("kubectl", () => {
  test("applies server-side, with the server's field validation on", async () => {
    expect(await printed("apply", "--server-side", "-f", await manifest("app:1"))).toBe(
      "deployment.apps/web serverside-applied\nservice/web serverside-applied\n",
    );
    expect(await printed("rollout", "status", "deployment/web")).toContain("successfully rolled out");
  });

  test("gets with real columns", async () => {
    const [header, row] = (await printed("get", "deployments")).split("\n");
    expect(header).toMatch(/^NAME +READY +UP-TO-DATE +AVAILABLE +AGE$/);
    expect(row).toMatch(/^web +3\/3 +3 +3 +\d+s$/);
    expect(await printed("get", "pods")).toMatch(/^NAME +READY +STATUS +RESTARTS +AGE\nweb-\S+ +0\/1 +Running +0 +/);
    expect(await printed("get", "service", "web")).toMatch(/web +ClusterIP +10\.96\.\d+\.\d+ +<none> +80\/TCP/);
    expect(await printed("get", "nodes")).toMatch(/node-1 +Ready/);
    expect(await printed("get", "all", "-o", "wide")).toContain("replicaset.apps/web-");
  });

  test("describes with the controllers' events", async () => {
    const text = await printed("describe", "deployment", "web");
    expect(text).toMatch(/3 desired \| 3 updated \| 3 total \| 3 available \| 0 unavailable/);
    expect(text).toMatch(/ScalingReplicaSet.*Scaled up replica set web-\S+ from 0 to 3/);
    const pod = await printed("get", "pods", "-o", "name");
    expect(await printed("describe", pod.split("\n")[0] ?? "")).toMatch(
      /Successfully assigned default\/web-\S+ to node-1/,
    );
  });

  test("prints the logs of the kubelet", async () => {
    expect(await printed("logs", "deployment/web", "--tail=3")).toContain("tailLines=3");
  });

  test("is told of the conflict when somebody else owns a field", async () => {
    const { code, error } = await kubectl(
      "apply",
      "--server-side",
      "--field-manager=other",
      "-f",
      await manifest("app:2"),
    );
    expect(code).not.toBe(0);
    expect(error).toContain('conflict with "kubectl"');
    expect(error).toContain('.spec.template.spec.containers[name="app"].image');
  });

  test("is told of a field that does not exist", async () => {
    const { code, error } = await kubectl("apply", "--server-side", "-f", await manifest("app:1", { replica: 1 }));
    expect(code).not.toBe(0);
    expect(error).toContain(".spec.replica: field not declared in schema");
    const client = await kubectl("apply", "-f", await manifest("app:1", { replica: 1 }));
    expect(client.error).toContain('unknown field "spec.replica"');
  });

  test("sets an image and undoes it", async () => {
    await printed("set", "image", "deployment/web", "app=app:2");
    expect(await printed("rollout", "status", "deployment/web")).toContain("successfully rolled out");
    expect(await printed("rollout", "history", "deployment/web")).toMatch(/^1 .*\n2 /m);
    await printed("rollout", "undo", "deployment/web");
    expect(await printed("rollout", "status", "deployment/web")).toContain("successfully rolled out");
    expect(await printed("get", "deployment", "web", "-o", "jsonpath={.spec.template.spec.containers[0].image}")).toBe(
      "app:1",
    );
    expect(await printed("rollout", "history", "deployment/web")).toMatch(/^2 .*\n3 /m);
  });

  test("sees a rollout exceed its deadline", async () => {
    await printed("patch", "deployment", "web", "-p", '{"spec":{"progressDeadlineSeconds":1}}');
    await printed("set", "image", "deployment/web", "app=app:broken");
    const { code, error } = await kubectl("rollout", "status", "deployment/web");
    expect(code).toBe(1);
    expect(error).toContain('deployment "web" exceeded its progress deadline');
    await printed("rollout", "undo", "deployment/web");
    expect(await printed("rollout", "status", "deployment/web")).toContain("successfully rolled out");
  });

  test("scales, restarts and waits", async () => {
    await printed("scale", "deployment/web", "--replicas=5");
    expect(await printed("rollout", "status", "deployment/web")).toContain("successfully rolled out");
    await printed("rollout", "restart", "deployment/web");
    expect(await printed("rollout", "status", "deployment/web")).toContain("successfully rolled out");
    expect(await printed("wait", "--for=condition=Available", "deployment/web")).toContain("condition met");
  });

  test("applies on the client's side as well", async () => {
    const file = join(home, "map.yaml");
    const map = (data: object) =>
      writeFile(file, stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "map" }, data }));
    await map({ a: "1", b: "1" });
    expect(await printed("apply", "-f", file)).toContain("created");
    await map({ a: "2" });
    expect(await printed("apply", "-f", file)).toContain("configured");
    expect(await printed("get", "configmap", "map", "-o", "jsonpath={.data}")).toBe('{"a":"2"}');
    expect(await printed("apply", "--server-side", "--force-conflicts", "-f", file)).toContain("serverside-applied");
  });

  test("lists what there is", async () => {
    expect(await printed("api-resources", "-o", "name")).toContain("deployments.apps\n");
  });

  test("is told plainly where its typed commands speak protobuf", async () => {
    const { code, error } = await kubectl("create", "namespace", "binary");
    expect(code).toBe(1);
    expect(error).toContain("application/vnd.kubernetes.protobuf");
  });

  test("deletes and waits until all is gone", async () => {
    expect(await printed("delete", "-f", await manifest("app:1"))).toContain('deployment.apps "web" deleted');
    await printed("wait", "--for=delete", "pod", "-l", "app=web", "--timeout=10s");
    expect(await printed("get", "pods,replicasets,endpoints", "-o", "name")).toBe("");
    const file = join(home, "namespace.yaml");
    await writeFile(file, stringify({ apiVersion: "v1", kind: "Namespace", metadata: { name: "gone" } }));
    await printed("create", "-f", file);
    expect(await printed("delete", "namespace", "gone")).toContain("deleted");
  });
});
