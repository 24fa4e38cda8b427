import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createOpenCluster } from "../../shared/adapters/kubernetes/open-cluster.ts";
import type { ClusterAccess } from "../../shared/ports/cluster.ts";
import { checkError, standsHostileAnswers } from "../support/hostile-answers.ts";
import { type HostileServer, SECRET, startHostileServer } from "../support/hostile-server.ts";

let server: HostileServer;
let directory = "";
let access: ClusterAccess;

const kubeconfigOf = (url: string) =>
  JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "c", cluster: { server: url, "insecure-skip-tls-verify": true } }],
    users: [{ name: "u", user: { token: SECRET } }],
    contexts: [{ name: "ours", context: { cluster: "c", user: "u" } }],
    "current-context": "ours",
  });
const openWith = (kubeconfigPath: string | undefined, context?: string) =>
  createOpenCluster({ kubeconfigPath, arm: undefined })({
    cluster: { kind: "kubeconfig", ...(context === undefined ? {} : { context }) },
    namespace: "models",
  });

beforeAll(async () => {
  server = await startHostileServer();
  directory = await mkdtemp(join(tmpdir(), "hostile-kubernetes-"));
  await writeFile(join(directory, "config"), kubeconfigOf(server.url));
  access = await openWith(join(directory, "config"));
});
afterAll(async () => {
  await server.close();
  await rm(directory, { recursive: true, force: true });
});

const config = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" }, data: { A: SECRET } };
const seen = { uid: "u", resourceVersion: "1", token: undefined, labels: {} };
const deployment = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "a" } };
const autoscaled = {
  ...deployment,
  metadata: { name: "a", annotations: { "belay.dev/replicas": "autoscaler" } },
  spec: { replicas: 3 },
};
const owned = { ...seen, replicas: { count: 3, autoscaled: false, owners: ["belay"] } };
const at = () => server;

standsHostileAnswers("reading an object", at, (signal) => access.cluster.read(config, signal));
standsHostileAnswers("reading a workload", at, (signal) => access.cluster.workload("model", signal));
standsHostileAnswers("listing pods", at, (signal) => access.cluster.pods("t", signal));
standsHostileAnswers("listing what is owned", at, (signal) => access.cluster.listOwned("churn", signal));
standsHostileAnswers("reading a workload's owners", at, (signal) => access.cluster.read(deployment, signal));
standsHostileAnswers("discovering kinds", at, async (signal) =>
  // An answer that was understood is not asked for again, so each is asked by somebody new.
  (await openWith(join(directory, "config"))).cluster.kinds("monitoring.coreos.com/v1", signal),
);
standsHostileAnswers("handing replicas over", at, (signal) => access.cluster.apply(autoscaled, owned, signal));
standsHostileAnswers("applying", at, (signal) => access.cluster.apply(config, seen, signal), {
  // Only the status says that it was applied; what is applied is read back by the next visit.
  "no JSON": { is: "returns" },
  "another shape": { is: "returns" },
});
standsHostileAnswers("removing", at, (signal) => access.cluster.remove({ ...seen, reference: config }, signal), {
  "no JSON": { is: "returns" },
  "another shape": { is: "returns" },
});

describe("a probe", () => {
  it.each(["silent", "dripping", "resetting", "cut off", "endless"] as const)(
    "says no answer to one that is %s, in time",
    async (hostility) => {
      server.answerWith(hostility);
      const started = performance.now();
      const answer = await access.prober.getPod("p", 80, "/ready", 0.5, AbortSignal.timeout(5_000));
      expect(performance.now() - started).toBeLessThan(2_500);
      expect(answer).toMatchObject({ kind: "no-answer" });
      expect(JSON.stringify(answer)).not.toContain(SECRET);
    },
  );

  it("does not follow a redirect: it is the answer", async () => {
    server.answerWith("redirecting");
    const before = server.trapped();
    const answer = await access.prober.postService(
      { name: "s", port: "http" },
      "/predict",
      {},
      1,
      AbortSignal.timeout(5_000),
    );
    expect(answer).toMatchObject({ kind: "answer", status: 307 });
    expect(server.trapped()).toBe(before);
  });
});

describe("opening a cluster", () => {
  const opening = async (opened: Promise<unknown>) =>
    opened.then(
      () => undefined,
      (error: unknown) => error,
    );

  it.each([
    ["no setting", undefined, undefined, "KUBECONFIG is not set"],
    ["no file", "absent", undefined, "cannot be read: ENOENT"],
    ["a file that is none", "broken", undefined, "not a kubeconfig"],
    ["a file without a cluster", "empty", undefined, "names no cluster"],
    ["a context that is missing", "config", "theirs", 'no context "theirs"'],
  ])("with %s says what is wrong, and nothing of what is in it", async (_name, file, context, text) => {
    await writeFile(join(directory, "broken"), `clusters: [${SECRET}\n: {`);
    await writeFile(join(directory, "empty"), "{}");
    const error = await opening(openWith(file === undefined ? undefined : join(directory, file), context));
    checkError(error, { is: "permanent", code: "configuration-wrong" });
    expect(error).toMatchObject({ message: expect.stringContaining(text) });
  });

  it("reads a file again that has changed", async () => {
    const path = join(directory, "changing");
    const open = createOpenCluster({ kubeconfigPath: path, arm: undefined });
    const place = { cluster: { kind: "kubeconfig" }, namespace: "models" } as const;
    await writeFile(path, kubeconfigOf("http://127.0.0.1:1"));
    const first = await opening((await open(place)).cluster.ping(AbortSignal.timeout(2_000)));
    checkError(first, { is: "transient", code: "unreachable" });
    await writeFile(path, kubeconfigOf(server.url));
    server.answerWith("another shape");
    await expect((await open(place)).cluster.ping(AbortSignal.timeout(2_000))).resolves.toBeUndefined();
  });

  it("on AKS needs a subscription", async () => {
    const open = createOpenCluster({ arm: undefined });
    const error = await opening(open({ cluster: { kind: "aks", resourceGroup: "g", name: "c" }, namespace: "n" }));
    checkError(error, { is: "permanent", code: "configuration-wrong" });
    expect(error).toMatchObject({ message: expect.stringContaining("AZURE_SUBSCRIPTION_ID") });
  });
});
