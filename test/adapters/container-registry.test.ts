import { Readable } from "node:stream";
import type { TokenCredential } from "@azure/identity";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openRegistryManagement } from "../../shared/adapters/azure/resource-manager.ts";
import { createAcrBuilder } from "../../shared/adapters/container-registry/image-builder.ts";
import { createAcrImages } from "../../shared/adapters/container-registry/image-registry.ts";
import { createOpenCluster } from "../../shared/adapters/kubernetes/open-cluster.ts";
import type { ImageBuilder } from "../../shared/ports/image-builder.ts";
import type { ImageRegistry } from "../../shared/ports/image-registry.ts";
import { checkError, standsHostileAnswers } from "../support/hostile-answers.ts";
import { type HostileServer, type Hostility, SECRET, startHostileServer } from "../support/hostile-server.ts";
import { GROUP, REGISTRY, SUBSCRIPTION, useLoopbackAzure } from "../support/loopback-azure.ts";

const azure = useLoopbackAzure();
const credential: TokenCredential = {
  getToken: async () => ({ token: SECRET, expiresOnTimestamp: Date.now() + 3_600_000 }),
};
const DIGEST = `sha256:${"0".repeat(64)}`;
let server: HostileServer;
let builder: ImageBuilder;
let images: ImageRegistry;

beforeAll(async () => {
  server = await startHostileServer(azure.certificate);
  builder = newBuilder();
  images = createAcrImages({ endpoint: server.url, credential });
});
afterAll(() => server.close());

const settings = () => ({ subscriptionId: SUBSCRIPTION, endpoint: server.url, credential });
const newBuilder = () =>
  createAcrBuilder({ client: openRegistryManagement(settings()), resourceGroup: GROUP, registryName: REGISTRY });
const at = () => server;
const context = () => Readable.from([Buffer.alloc(10_000, "context")]);
const request = {
  name: "belay-hostile",
  sourcePath: "source/a.tar.gz",
  images: ["m:1"],
  arguments: {},
  platform: "linux/amd64",
  timeoutSeconds: 1,
};
const thrown = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: unknown) => error,
  );

standsHostileAnswers("looking at a build", at, (signal) => builder.look(request.name, signal));
standsHostileAnswers("asking for a build", at, (signal) => newBuilder().start(request, signal));
standsHostileAnswers("removing the record of a build", at, (signal) => builder.remove(request.name, signal), {
  // The answer's body says nothing, so nobody reads it.
  "no JSON": { is: "returns" },
  "another shape": { is: "returns" },
});
standsHostileAnswers("asking for an upload address", at, (signal) => builder.uploadContext(context(), signal));

/** Answers Resource Manager's calls well, and everything else as told. */
function answerOnlyArm(bodies: Readonly<Record<string, unknown>>, hostility: Hostility): void {
  server.answerWith((incoming, response) => {
    const body = Object.entries(bodies).find(([part]) => incoming.url?.includes(part))?.[1];
    if (body === undefined && hostility === "endless" && incoming.method === "HEAD") {
      response.writeHead(200, { "content-length": 1e9 }).end();
      return "handled";
    }
    if (body === undefined) return hostility;
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify(body));
    return "handled";
  });
}

describe("uploading to a signed address", () => {
  const address = () => ({ uploadUrl: `${server.url}/blobs/a?sig=${SECRET}`, relativePath: "source/a.tar.gz" });

  it.each<[Hostility, "transient" | "permanent"]>([
    ["silent", "transient"],
    ["dripping", "transient"],
    ["redirecting", "permanent"],
    [403, "transient"],
    [404, "transient"],
    [400, "permanent"],
    [413, "permanent"],
  ])("stands an answer that is %s", async (hostility, is) => {
    answerOnlyArm({ listBuildSourceUploadUrl: address() }, hostility);
    const before = server.trapped();
    const started = performance.now();
    const stream = context();
    const error = await thrown(builder.uploadContext(stream, AbortSignal.timeout(400)));
    checkError(error, { is });
    expect(performance.now() - started).toBeLessThan(3_000);
    expect(server.trapped()).toBe(before);
    expect(stream.destroyed).toBe(true);
  });
});

describe("the log of a failed build", () => {
  const failed = {
    name: request.name,
    properties: { provisioningState: "Failed", runResult: { properties: { runId: "ca1", status: "Failed" } } },
  };
  const answers = () => ({
    taskRuns: failed,
    listLogSasUrl: { logLink: `${server.url}/log?sig=${SECRET}` },
  });

  it.each<Hostility>(["resetting", "cut off", "endless", "no JSON", "redirecting", 403, 404, 503])(
    "does not hide the failure when it is %s",
    async (hostility) => {
      answerOnlyArm(answers(), hostility);
      const before = server.trapped();
      const state = await builder.look(request.name, AbortSignal.timeout(3_000));
      expect(state).toMatchObject({ kind: "failed" });
      expect(JSON.stringify(state).replaceAll(/<html>.*<\/html>/g, "")).not.toContain(SECRET);
      expect(server.trapped()).toBe(before);
    },
  );

  it("ends with the visit when it is silent", async () => {
    answerOnlyArm(answers(), "silent");
    const error = await thrown(builder.look(request.name, AbortSignal.timeout(150)));
    checkError(error, { is: "transient", code: "unreachable" });
  });

  it("loses its colours and the signatures of its addresses", async () => {
    const log = `\u001b[31mStep 1\u001b[0m\nADD failed: https://user:${SECRET}@host/a?sig=${SECRET} was answered 404\n\n`;
    server.answerWith((incoming, response) => {
      const body = Object.entries(answers()).find(([part]) => incoming.url?.includes(part))?.[1];
      response.writeHead(200, { "content-length": Buffer.byteLength(body === undefined ? log : JSON.stringify(body)) });
      response.end(incoming.method === "HEAD" ? undefined : body === undefined ? log : JSON.stringify(body));
      return "handled";
    });
    expect(await builder.look(request.name, AbortSignal.timeout(3_000))).toMatchObject({
      cause: "broken",
      lastLines: ["Step 1", "ADD failed: https://host/a was answered 404"],
    });
  });
});

describe("removing the record of a build", () => {
  it.each([200, 202, 204])("ends with the answer %d, and nobody asks how the removal goes on", async (status) => {
    const asked: string[] = [];
    server.answerWith((incoming, response) => {
      asked.push(`${incoming.method} ${incoming.url?.split("?")[0]}`);
      response.writeHead(status, { location: `${server.url}/operation`, "retry-after": "60" }).end();
      return "handled";
    });
    const started = performance.now();
    await builder.remove(request.name, AbortSignal.timeout(3_000));
    expect(performance.now() - started).toBeLessThan(1_500);
    expect(asked).toEqual([expect.stringMatching(/^DELETE .*\/registries\/belayRegistry\/taskRuns\/belay-hostile$/)]);
  });
});

describe("Resource Manager's refusals", () => {
  const refuse = (status: number, code: string) =>
    server.answerWith((_request, response) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify({ error: { code, message: SECRET } }));
      return "handled";
    });
  const signal = () => AbortSignal.timeout(3_000);

  it("name the setting when the registry is not there", async () => {
    refuse(404, "ParentResourceNotFound");
    const error = await thrown(builder.look(request.name, signal()));
    checkError(error, { is: "permanent", code: "configuration-wrong" });
    expect(error).toMatchObject({ message: expect.stringContaining("AZURE_CONTAINER_REGISTRY_NAME") });
    const removal = await thrown(builder.remove(request.name, signal()));
    checkError(removal, { is: "permanent", code: "configuration-wrong" });
  });

  it("say that a build is absent when only the task run is not there", async () => {
    refuse(404, "ResourceNotFound");
    expect(await builder.look(request.name, signal())).toEqual({ kind: "absent" });
    await expect(builder.remove(request.name, signal())).resolves.toBeUndefined();
  });

  it("name the role that is missing", async () => {
    refuse(403, "AuthorizationFailed");
    const error = await thrown(builder.uploadContext(context(), signal()));
    checkError(error, { is: "permanent", code: "access-denied" });
    expect(error).toMatchObject({ message: expect.stringContaining("Container Registry Tasks Contributor") });
  });

  it("are for good where a subscription may not use ACR Tasks", async () => {
    refuse(400, "TasksOperationsNotAllowed");
    const error = await thrown(newBuilder().start(request, signal()));
    checkError(error, { is: "permanent", code: "configuration-wrong" });
  });

  it("repeat no code that is none", async () => {
    refuse(400, SECRET);
    const error = await thrown(builder.look(request.name, signal()));
    checkError(error, { is: "permanent", code: "bad-answer" });
    expect(error).toMatchObject({ message: expect.stringContaining("no code") });
  });

  it("keep how long to wait, and do not wait", async () => {
    server.answerWith(429);
    const started = performance.now();
    const error = await thrown(builder.look(request.name, signal()));
    expect(error).toMatchObject({ retryAfterSeconds: 86_400 });
    expect(performance.now() - started).toBeLessThan(1_500);
  });
});

const IMAGES = {
  // Without a challenge the SDK does not say what was wrong.
  401: { is: "transient" },
} as const;
standsHostileAnswers("asking for a digest", at, (signal) => images.digestOf("m", "1", signal), IMAGES);
standsHostileAnswers("looking for an image", at, (signal) => images.exists("m", DIGEST, signal), IMAGES);
standsHostileAnswers("locking an image", at, (signal) => images.lock("m", DIGEST, signal), IMAGES);
standsHostileAnswers("unlocking an image", at, (signal) => images.unlock("m", DIGEST, signal), IMAGES);
standsHostileAnswers("removing an image", at, (signal) => images.remove("m", DIGEST, signal), IMAGES);

describe("removing an image", () => {
  const remove = () => images.remove("m", DIGEST, AbortSignal.timeout(3_000));

  it.each([
    [202, "removed"],
    [404, "absent"],
    [405, "locked"],
  ] as const)("that is answered %d leaves it %s", async (status, outcome) => {
    server.answerWith(status);
    expect(await remove()).toBe(outcome);
  });

  it("is tried again later where somebody else is at it", async () => {
    server.answerWith(409);
    checkError(await thrown(remove()), { is: "transient", code: "unreachable" });
  });

  it("names the role that is missing", async () => {
    server.answerWith(403);
    expect(await thrown(remove())).toMatchObject({ message: expect.stringContaining("AcrDelete") });
    expect(await thrown(images.unlock("m", DIGEST, AbortSignal.timeout(3_000)))).toMatchObject({
      message: expect.stringContaining("AcrPush"),
    });
  });
});

it.each([
  ["still locked", { deleteEnabled: false, writeEnabled: false }],
  ["half unlocked", { deleteEnabled: true, writeEnabled: false }],
  ["without a word about it", {}],
])("an image is not taken for unlocked where the answer shows it %s", async (_what, changeableAttributes) => {
  server.answerWith((_request, response) => {
    response.writeHead(200, { "content-type": "application/json" });
    const times = { createdTime: "2026-01-02T03:04:05Z", lastUpdateTime: "2026-01-02T03:04:05Z" };
    const manifest = { digest: DIGEST, ...times, changeableAttributes };
    response.end(JSON.stringify({ registry: "r", imageName: "m", manifest }));
    return "handled";
  });
  const error = await thrown(images.unlock("m", DIGEST, AbortSignal.timeout(3_000)));
  checkError(error, { is: "permanent", code: "bad-answer" });
  expect(error).toMatchObject({ message: expect.stringContaining("unlocked") });
});

it.each([
  ["tag", { imageName: "m", tag: { name: "2", digest: DIGEST } }],
  ["repository", { imageName: "another", tag: { name: "1", digest: DIGEST } }],
])("the digest of another %s is refused", async (_what, body) => {
  server.answerWith((_request, response) => {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ registry: "r", ...body }));
    return "handled";
  });
  const error = await thrown(images.digestOf("m", "1", AbortSignal.timeout(3_000)));
  checkError(error, { is: "permanent", code: "bad-answer" });
});

describe("exchanging a token at the registry", () => {
  it.each<Hostility>(["silent", "dripping", "resetting", "endless", "no JSON", "redirecting", 403, 500])(
    "ends when the exchange is %s",
    async (hostility) => {
      server.answerWith((incoming, response) => {
        if (incoming.url?.startsWith("/oauth2") === true) return hostility;
        const realm = `Bearer realm="${server.url}/oauth2/token",service="127.0.0.1",scope="repository:m:metadata_read"`;
        response.writeHead(401, { "www-authenticate": realm }).end();
        return "handled";
      });
      const before = server.trapped();
      const fresh = createAcrImages({ endpoint: server.url, credential });
      const error = await thrown(fresh.digestOf("m", "1", AbortSignal.timeout(400)));
      expect(error).toBeInstanceOf(Error);
      expect(["TransientError", "PermanentError"]).toContain(Object(error).name);
      checkError(error, { is: Object(error).name === "TransientError" ? "transient" : "permanent" });
      expect(server.trapped()).toBe(before);
    },
  );
});

const openAks = () =>
  createOpenCluster({ arm: settings() })({
    cluster: { kind: "aks", resourceGroup: GROUP, name: "models" },
    namespace: "n",
  });

describe("an AKS cluster's credentials", () => {
  it.each<[Hostility, "transient" | "permanent"]>([
    ["resetting", "transient"],
    ["cut off", "transient"],
    ["endless", "permanent"],
    ["no JSON", "permanent"],
    ["another shape", "permanent"],
    ["redirecting", "permanent"],
    [403, "permanent"],
    [404, "permanent"],
    [429, "transient"],
    [503, "transient"],
  ])("stand an answer that is %s", async (hostility, is) => {
    server.answerWith(hostility);
    const before = server.trapped();
    checkError(await thrown(openAks()), { is });
    expect(server.trapped()).toBe(before);
  });

  it.each([
    ["no YAML", `clusters: [${SECRET}\n: {`],
    ["no cluster", "clusters: []"],
    ["http, where the token would be readable", clusterYaml("http://127.0.0.1:1")],
    ["no authority", "clusters:\n  - cluster:\n      server: https://127.0.0.1:1\n"],
  ])("are refused with %s", async (_name, yaml) => {
    const value = Buffer.from(yaml).toString("base64");
    answerOnlyArm({ listClusterUserCredential: { kubeconfigs: [{ name: "clusterUser", value }] } }, 500);
    checkError(await thrown(openAks()), { is: "permanent", code: "bad-answer" });
  });
});

function clusterYaml(url: string): string {
  return `clusters:\n  - cluster:\n      server: ${url}\n      certificate-authority-data: ${Buffer.from("ca").toString("base64")}\n`;
}
