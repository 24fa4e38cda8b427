import { ContainerServiceClient } from "@azure/arm-containerservice";
import { describe, expect, it } from "vitest";
import { createResourceManager } from "../../../infra/local/resource-manager/create-resource-manager.ts";
import {
  buildOf,
  GROUP,
  REGISTRY,
  REGISTRY_ID,
  SCOPE,
  SUBSCRIPTION,
  succeed,
  untilEnded,
  upload,
  useAzure,
} from "./stack.ts";

const azure = useAzure();
const TASKS = "api-version=2019-06-01-preview";

interface Wire {
  status: number;
  headers: Headers;
  body: unknown;
}

/** A call as no SDK would make it; the token is good unless another is given. */
async function send(
  endpoint: string,
  method: string,
  path: string,
  body?: unknown,
  token = azure.issue(),
): Promise<Wire> {
  const answer = await fetch(`${endpoint}${path}`, {
    method,
    headers: token === "" ? {} : { authorization: `Bearer ${token}` },
    body: body === undefined ? null : JSON.stringify(body),
  });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, body: text === "" ? undefined : JSON.parse(text) };
}

describe("the registry's facts", () => {
  it("are its location, login server and tier", async () => {
    const { client } = await azure.start({ loginServer: "127.0.0.1:5001", location: "northeurope" });
    expect(await client.registries.get(GROUP, REGISTRY)).toMatchObject({
      id: REGISTRY_ID,
      name: REGISTRY,
      location: "northeurope",
      loginServer: "127.0.0.1:5001",
      sku: { name: "Standard" },
    });
  });
});

describe("runs", () => {
  it("are scheduled without a name, and a poller returns them at once", async () => {
    const { manager, client } = await azure.start();
    const run = await client.registries.beginScheduleRunAndWait(GROUP, REGISTRY, buildOf(await upload(client)));
    expect(run).toMatchObject({ runId: "ca1", runType: "QuickBuild" });
    expect(manager.runs()).toHaveLength(1);
  });

  it("are not pushed unless asked for", async () => {
    const { client } = await azure.start();
    const runRequest = buildOf(await upload(client), { isPushEnabled: false });
    await client.taskRuns.beginCreate(GROUP, REGISTRY, "not-pushed", { runRequest });
    const { runResult } = await untilEnded(client, "not-pushed");
    expect(runResult).toMatchObject({ status: "Succeeded", outputImages: [] });
  });

  it("are listed newest first, by pages, status and id", async () => {
    const { client } = await azure.start({
      build: (request) =>
        request.dockerfile === "Dockerfile" ? succeed(request) : Promise.reject(new Error("no such file")),
    });
    const sourceLocation = await upload(client);
    for (const dockerFilePath of ["Dockerfile", "missing", "Dockerfile"]) {
      const runRequest = buildOf(sourceLocation, { dockerFilePath });
      await client.taskRuns.beginCreate(GROUP, REGISTRY, "listed", { runRequest }).catch(() => undefined);
      await untilEnded(client, "listed");
    }
    const list = async (options: { filter?: string; top?: number } = {}) => {
      const ids = [];
      for await (const { runId } of client.runs.list(GROUP, REGISTRY, options)) ids.push(runId);
      return ids;
    };
    expect(await list()).toEqual(["ca3", "ca2", "ca1"]);
    expect(await list({ top: 2 })).toEqual(["ca3", "ca2", "ca1"]);
    expect(await list({ filter: "Status eq 'Failed'" })).toEqual(["ca2"]);
    expect(await list({ filter: "RunId eq 'ca1' and Status eq 'Succeeded'" })).toEqual(["ca1"]);
    expect(await list({ filter: "RunId eq 'ca2' and Status eq 'Succeeded'" })).toEqual([]);
    await expect(list({ filter: "TaskName eq 'one'" })).rejects.toMatchObject({ statusCode: 501 });
    const firstPage = await client.runs.list(GROUP, REGISTRY, { top: 2 }).byPage().next();
    expect(firstPage.value).toHaveLength(2);
  });
});

describe("a cluster's user credentials", () => {
  const clientOf = (endpoint: string) => new ContainerServiceClient(azure.credential(), SUBSCRIPTION, { endpoint });

  it("are the kubeconfig", async () => {
    const { manager } = await azure.start({ kubeconfig: () => "apiVersion: v1\nkind: Config\n" });
    const answer = await clientOf(manager.endpoint).managedClusters.listClusterUserCredentials(GROUP, "cluster", {
      format: "exec",
    });
    expect(answer.kubeconfigs).toHaveLength(1);
    expect(answer.kubeconfigs?.[0]?.name).toBe("clusterUser");
    expect(Buffer.from(answer.kubeconfigs?.[0]?.value ?? []).toString()).toBe("apiVersion: v1\nkind: Config\n");
    expect(manager.requests()).toEqual({ "managedClusters.listClusterUserCredentials": 1 });
  });

  it("are not implemented without a kubeconfig", async () => {
    const { manager } = await azure.start();
    const asked = clientOf(manager.endpoint).managedClusters.listClusterUserCredentials(GROUP, "cluster");
    await expect(asked).rejects.toMatchObject({ statusCode: 501 });
  });
});

describe("what is refused", () => {
  const source = "source/202605041200/a.tar.gz";
  const put = (runRequest: unknown, more = {}) => ({ properties: { runRequest }, ...more });
  const cluster = REGISTRY_ID.replace("ContainerRegistry/registries", "ContainerService/managedClusters");
  const taskRun = `${REGISTRY_ID}/taskRuns/refused?${TASKS}`;

  it.each<[string, string, string, unknown, number, string]>([
    ["no api-version", "GET", REGISTRY_ID, undefined, 400, "MissingApiVersionParameter"],
    [
      "another api-version of the tasks",
      "GET",
      `${REGISTRY_ID}/runs?api-version=2025-03-01-preview`,
      undefined,
      501,
      "NotImplemented",
    ],
    [
      "another provider",
      "GET",
      `/subscriptions/a/resourceGroups/b/providers/Microsoft.Compute/disks/c?${TASKS}`,
      undefined,
      501,
      "NotImplemented",
    ],
    ["no provider", "GET", `/subscriptions/a/resourceGroups/b?${TASKS}`, undefined, 501, "NotImplemented"],
    ["an unknown part of a registry", "GET", `${REGISTRY_ID}/webhooks?${TASKS}`, undefined, 501, "NotImplemented"],
    ["a method nobody needs", "PATCH", `${REGISTRY_ID}/runs/ca1?${TASKS}`, {}, 501, "NotImplemented"],
    [
      "another call to a cluster",
      "POST",
      `${cluster}/listClusterAdminCredential?api-version=2026-06-01`,
      undefined,
      501,
      "NotImplemented",
    ],
    [
      "a cluster's version that is none",
      "POST",
      `${cluster}/listClusterUserCredential?api-version=new`,
      undefined,
      400,
      "InvalidApiVersionParameter",
    ],
    ["an unknown run", "GET", `${REGISTRY_ID}/runs/ca9?${TASKS}`, undefined, 404, "ResourceNotFound"],
    [
      "the log of an unknown run",
      "POST",
      `${REGISTRY_ID}/runs/ca9/listLogSasUrl?${TASKS}`,
      undefined,
      404,
      "ResourceNotFound",
    ],
    ["an unknown task run", "GET", taskRun, undefined, 404, "ResourceNotFound"],
    [
      "the details of an unknown task run",
      "POST",
      `${REGISTRY_ID}/taskRuns/refused/listDetails?${TASKS}`,
      undefined,
      404,
      "ResourceNotFound",
    ],
    [
      "a name that is too short",
      "PUT",
      `${REGISTRY_ID}/taskRuns/four?${TASKS}`,
      put(buildOf(source)),
      400,
      "InvalidResourceName",
    ],
    [
      "a name that is too long",
      "PUT",
      `${REGISTRY_ID}/taskRuns/${"a".repeat(51)}?${TASKS}`,
      put(buildOf(source)),
      400,
      "InvalidResourceName",
    ],
    [
      "a name with a dot",
      "PUT",
      `${REGISTRY_ID}/taskRuns/a.dotted.name?${TASKS}`,
      put(buildOf(source)),
      400,
      "InvalidResourceName",
    ],
    ["no body", "PUT", taskRun, undefined, 400, "InvalidRequestContent"],
    ["no Dockerfile", "PUT", taskRun, put({ ...buildOf(source), dockerFilePath: "" }), 400, "InvalidRequestContent"],
    [
      "a timeout below the service's",
      "PUT",
      taskRun,
      put(buildOf(source, { timeout: 299 })),
      400,
      "InvalidRequestContent",
    ],
    [
      "an agent the shared pool has not",
      "PUT",
      taskRun,
      put(buildOf(source, { agentConfiguration: { cpu: 4 } })),
      400,
      "InvalidRequestContent",
    ],
    ["an agent pool", "PUT", taskRun, put(buildOf(source, { agentPoolName: "pool" })), 501, "NotImplemented"],
    ["a build target", "PUT", taskRun, put(buildOf(source, { target: "final" })), 501, "NotImplemented"],
    [
      "an identity",
      "PUT",
      taskRun,
      put(buildOf(source), { identity: { type: "SystemAssigned" } }),
      501,
      "NotImplemented",
    ],
    ["a Windows build", "PUT", taskRun, put(buildOf(source, { platform: { os: "Windows" } })), 501, "NotImplemented"],
    ["a git source", "PUT", taskRun, put(buildOf("https://example.com/a.git")), 501, "NotImplemented"],
    [
      "another template",
      "PUT",
      taskRun,
      put(buildOf(source, { imageNames: ["a:{{.Run.Date}}"] })),
      501,
      "NotImplemented",
    ],
    ["another type of request", "PUT", taskRun, put({ type: "EncodedTaskRunRequest" }), 501, "NotImplemented"],
    ["a type there is not", "PUT", taskRun, put({ type: "Nothing" }), 400, "InvalidRequestContent"],
    ["a page of nothing", "GET", `${REGISTRY_ID}/runs?${TASKS}&$top=0`, undefined, 400, "InvalidRequestContent"],
  ])("%s", async (_name, method, path, body, status, code) => {
    const { manager } = await azure.start({ kubeconfig: () => "" });
    const answer = await send(manager.endpoint, method, path, body);
    expect(answer).toMatchObject({ status, body: { error: { code, message: expect.any(String) } } });
    expect(manager.requests()["refused"]).toBe(1);
    expect(manager.runs()).toEqual([]);
    await manager.close();
  });

  it.each([
    ["no token", "", "AuthenticationFailed"],
    ["a token nobody gave out", "guess", "InvalidAuthenticationToken"],
  ])("%s", async (_name, token, code) => {
    const { manager } = await azure.start();
    const answer = await send(manager.endpoint, "GET", REGISTRY_ID, undefined, token);
    expect(answer).toMatchObject({ status: 401, body: { error: { code } } });
    expect(answer.headers.get("www-authenticate")).toMatch(/^Bearer /);
  });

  it("a body that is no JSON, and one that is too large", async () => {
    const { manager } = await azure.start();
    const init = { method: "PUT", headers: { authorization: `Bearer ${azure.issue()}` } };
    const broken = await fetch(`${manager.endpoint}${taskRun}`, { ...init, body: "{" });
    expect(broken.status).toBe(400);
    const large = await fetch(`${manager.endpoint}${taskRun}`, { ...init, body: "x".repeat(1024 * 1024 + 1) });
    expect(large.status).toBe(413);
  });
});

describe("the server", () => {
  it("tells its endpoint only when it listens", async () => {
    const manager = createResourceManager({ build: succeed, loginServer: "127.0.0.1:5000" });
    expect(() => manager.endpoint).toThrow(/does not listen/);
    expect(await manager.listen()).toBe(manager.endpoint);
    expect(manager.endpoint).toMatch(/^http:/);
    await manager.close();
    await manager.close();
  });

  it("accepts any token unless it is told which", async () => {
    const manager = createResourceManager({ build: succeed, loginServer: "127.0.0.1:5000" });
    await manager.listen();
    const answer = await send(manager.endpoint, "GET", `${REGISTRY_ID}?api-version=2025-11-01`, undefined, "any");
    expect(answer.status).toBe(200);
    await manager.close();
  });

  it("knows no case in its paths", async () => {
    const { manager } = await azure.start();
    const answer = await send(manager.endpoint, "GET", `${REGISTRY_ID.toUpperCase()}/TASKRUNS?${TASKS}`);
    expect(answer).toMatchObject({ status: 200, body: { value: [] } });
  });

  it("needs a token for its own scope", async () => {
    const { token } = await azure.credential().getToken(`${SCOPE}/.default`);
    const { manager } = await azure.start();
    expect(await send(manager.endpoint, "GET", `${REGISTRY_ID}?${TASKS}`, undefined, token)).toMatchObject({
      status: 200,
    });
  });
});
