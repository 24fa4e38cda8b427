import { createHash, randomUUID } from "node:crypto";
import { type Answer, ArmError, notImplemented } from "./answer.ts";
import { BLOB_PREFIX } from "./blob-routes.ts";
import { pageOfRuns } from "./run-list.ts";
import { parseRunRequest, parseTaskRun } from "./run-request.ts";
import { logPath, type RegistryScope, type Runs, sourcePath } from "./runs.ts";
import type { Signer } from "./signature.ts";
import type { TaskRuns } from "./task-runs.ts";

/** The last version of the service that the SDK with Tasks speaks. */
const TASKS_API_VERSION = "2019-06-01-preview";

/** One authorized call with an api-version. */
export interface ArmCall {
  method: string;
  url: URL;
  /** `https://127.0.0.1:port`. */
  endpoint: string;
  /** Of the caller; two uploads of one correlation share one address, as in the service. */
  correlationId: string | undefined;
  body(): Promise<unknown>;
}

export interface ArmDependencies {
  runs: Runs;
  taskRuns: TaskRuns;
  signer: Signer;
  now: () => Date;
  location: string;
  loginServer: string;
  kubeconfig: (() => string) | undefined;
}

interface Context extends ArmDependencies {
  call: ArmCall;
  registry: RegistryScope;
  /** What stands in the path for the route's placeholder: a run's id or a task run's name. */
  name: string;
}

interface Route {
  /** The name by which its calls are counted. */
  operation: string;
  method: string;
  /** Below the registry, with at most one placeholder. */
  path: RegExp;
  answer(context: Context): Answer | Promise<Answer>;
}

const route = (operation: string, method: string, path: RegExp, answer: Route["answer"]): Route => ({
  operation,
  method,
  path,
  answer,
});

const REGISTRY_ROUTES: readonly Route[] = [
  route("registries.get", "GET", /^$/, getRegistry),
  route("registries.getBuildSourceUploadUrl", "POST", /^listBuildSourceUploadUrl$/i, getUploadUrl),
  route("registries.scheduleRun", "POST", /^scheduleRun$/i, scheduleRun),
  route("taskRuns.list", "GET", /^taskRuns$/i, ({ taskRuns, registry }) => ok({ value: taskRuns.list(registry) })),
  route("taskRuns.create", "PUT", /^taskRuns\/([^/]+)$/i, putTaskRun),
  route("taskRuns.get", "GET", /^taskRuns\/([^/]+)$/i, ({ taskRuns, registry, name }) =>
    ok(taskRuns.get(registry, name)),
  ),
  route("taskRuns.delete", "DELETE", /^taskRuns\/([^/]+)$/i, ({ taskRuns, registry, name }) => ({
    status: taskRuns.remove(registry, name) ? 200 : 204,
  })),
  route("taskRuns.getDetails", "POST", /^taskRuns\/([^/]+)\/listDetails$/i, ({ taskRuns, registry, name }) =>
    ok(taskRuns.getDetails(registry, name)),
  ),
  route("runs.list", "GET", /^runs$/i, ({ runs, registry, call }) => ok(pageOfRuns(runs.list(registry), call))),
  route("runs.get", "GET", /^runs\/([^/]+)$/i, ({ runs, registry, name }) => ok(runs.get(registry, name))),
  route("runs.getLogSasUrl", "POST", /^runs\/([^/]+)\/listLogSasUrl$/i, getLogUrl),
  route("runs.cancel", "POST", /^runs\/([^/]+)\/cancel$/i, ({ runs, registry, name }) => {
    runs.cancel(registry, name);
    return { status: 200 };
  }),
];

/** Finds what a call is to do; `operation` names it for the counters. */
export function findOperation(
  dependencies: ArmDependencies,
  call: ArmCall,
): { operation: string; answer(): Answer | Promise<Answer> } {
  const path = call.url.pathname;
  const [, id, provider, type, name = "", rest = ""] =
    /^(\/subscriptions\/[^/]+\/resourceGroups\/[^/]+\/providers\/([^/]+)\/([^/]+)\/([^/]+))(?:\/(.*))?$/i.exec(path) ??
    [];
  const resource = `${provider}/${type}`.toLowerCase();

  if (id !== undefined && resource === "microsoft.containerregistry/registries") {
    const registry = { id, name, key: name.toLowerCase() };
    return findRegistryOperation({ ...dependencies, call, registry, name: "" }, rest);
  }
  if (resource === "microsoft.containerservice/managedclusters" && /^listClusterUserCredential$/i.test(rest)) {
    return {
      operation: "managedClusters.listClusterUserCredentials",
      answer: () => getCredentials(dependencies, call),
    };
  }
  throw notImplemented(`${call.method} ${path}`);
}

function findRegistryOperation(context: Context, rest: string): ReturnType<typeof findOperation> {
  const { call } = context;
  const found = REGISTRY_ROUTES.find(({ method, path }) => method === call.method && path.test(rest));
  if (found === undefined) throw notImplemented(`${call.method} ${call.url.pathname}`);
  const version = call.url.searchParams.get("api-version");
  if (found.operation !== "registries.get" && version !== TASKS_API_VERSION) {
    throw notImplemented(`The api-version ${version} of ${found.operation}`);
  }
  const name = found.path.exec(rest)?.[1] ?? "";
  return { operation: found.operation, answer: () => found.answer({ ...context, name }) };
}

const ok = (body: unknown): Answer => ({ status: 200, body });

function getRegistry({ registry, location, loginServer }: Context): Answer {
  return ok({
    id: registry.id,
    name: registry.name,
    type: "Microsoft.ContainerRegistry/registries",
    location,
    sku: { name: "Standard", tier: "Standard" },
    properties: { loginServer, provisioningState: "Succeeded", adminUserEnabled: false },
  });
}

function getUploadUrl({ call, registry, signer, now }: Context): Answer {
  const file = createHash("sha256")
    .update(call.correlationId ?? randomUUID())
    .digest("hex")
    .slice(0, 32);
  const minute = now().toISOString().replaceAll(/\D/g, "").slice(0, 12);
  const relativePath = `source/${minute}/${file}.tar.gz`;
  return ok({ uploadUrl: address(call, signer, sourcePath(registry, relativePath), "cw"), relativePath });
}

async function scheduleRun({ call, runs, registry }: Context): Promise<Answer> {
  const run = runs.start(registry, parseRunRequest(await call.body()));
  const location = `${call.endpoint}${run.id}?api-version=${TASKS_API_VERSION}`;
  return { status: 202, body: run, headers: { location } };
}

async function putTaskRun({ call, taskRuns, registry, name }: Context): Promise<Answer> {
  const { isNew, taskRun } = taskRuns.put(registry, name, parseTaskRun(await call.body()));
  return { status: isNew ? 201 : 200, body: taskRun };
}

function getLogUrl({ call, runs, registry, signer, name }: Context): Answer {
  const { runId } = runs.get(registry, name).properties;
  return ok({ logLink: address(call, signer, logPath(registry, runId), "r") });
}

function address({ endpoint }: ArmCall, signer: Signer, name: string, permissions: string): string {
  const path = new URL(`${BLOB_PREFIX}${name}`, endpoint).pathname;
  return `${endpoint}${path}?${signer.sign(path, permissions)}`;
}

function getCredentials({ kubeconfig }: ArmDependencies, { method, url }: ArmCall): Answer {
  if (method !== "POST" || kubeconfig === undefined) throw notImplemented(`${method} ${url.pathname}`);
  if (!/^20\d\d-\d\d-\d\d(-preview)?$/.test(url.searchParams.get("api-version") ?? "")) {
    throw new ArmError(400, "InvalidApiVersionParameter", "The api-version is not a version of the service.");
  }
  const value = Buffer.from(kubeconfig(), "utf8").toString("base64");
  return ok({ kubeconfigs: [{ name: "clusterUser", value }] });
}
