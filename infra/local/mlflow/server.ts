import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { artifactRoutes } from "./artifact-routes.ts";
import { type ArtifactStore, createArtifactStore } from "./artifacts.ts";
import { type Clock, systemClock } from "./clock.ts";
import { createDispatcher, type DeliveryControl, type DeliveryRecord } from "./dispatcher.ts";
import { type Answer, answerCall, compileRoutes, type Log, type Route, sendAnswer } from "./http.ts";
import { createRegistry } from "./registry.ts";
import { registeredModelRoutes, versionTagRoutes } from "./registry-routes.ts";
import { createTracking } from "./tracking.ts";
import { loggedModelRoutes, trackingRoutes } from "./tracking-routes.ts";
import { type Send, sendOverNetwork } from "./transport.ts";
import { unimplementedRoutes } from "./unimplemented.ts";
import { modelVersionRoutes } from "./version-routes.ts";
import { webhookRoutes } from "./webhook-routes.ts";
import { createWebhookStore } from "./webhooks.ts";

/** The MLflow release the stand-in was measured against. */
export const MLFLOW_VERSION = "3.17.2";

export interface MlflowServerOptions {
  clock?: Clock;
  /** 0 up to 1: the jitter of retry delays. */
  random?: () => number;
  /** How deliveries leave; the network by default. */
  send?: Send;
  /** One event with its fields; nothing by default. */
  log?: Log;
  /** Puts the name into every envelope, as a server with workspaces does. */
  workspace?: string;
}

export interface MlflowServer {
  /** Listens on 127.0.0.1 (a free port by default) and returns the address, `http://127.0.0.1:<port>`. */
  listen(port?: number): Promise<string>;
  /** The address; throws before `listen`. */
  readonly url: string;
  /** Stops, drops deliveries that are not sent yet, and removes all artifacts. */
  close(): Promise<void>;
  /** Every delivery so far, oldest first. */
  deliveries(): readonly DeliveryRecord[];
  /** Resolves once no delivery is queued or under way. */
  settled(): Promise<void>;
  control: DeliveryControl;
  /** How often each route was called: `GET /api/2.0/mlflow/registered-models/search`. */
  requests(): Readonly<Record<string, number>>;
}

const INFO = {
  store_type: "SqlStore",
  trace_archival_enabled: false,
  multipart_uploads_enabled: false,
  multipart_downloads_enabled: false,
  presigned_upload_run_id_supported: false,
  presigned_upload_model_id_supported: false,
  features_enabled: { gateway: false },
};

const LOCAL_HOST =
  /^(?:localhost|127(?:\.\d+){3}|10(?:\.\d+){3}|192\.168(?:\.\d+){2}|172\.(?:1[6-9]|2\d|3[01])(?:\.\d+){2}|\[::1\])(?::\d+)?$/;

/** An MLflow tracking server and model registry in this process that signs and sends webhooks as MLflow 3.17.2 does. */
export function createMlflowServer(options: MlflowServerOptions = {}): MlflowServer {
  const {
    clock = systemClock,
    random = Math.random,
    send = sendOverNetwork,
    log = () => undefined,
    workspace,
  } = options;
  const webhooks = createWebhookStore(clock.now);
  const dispatcher = createDispatcher({
    clock,
    random,
    send,
    log,
    workspace,
    subscribed: webhooks.subscribed,
    webhook: webhooks.get,
  });
  const counts = new Map<string, number>();
  const working = new Set<Promise<void>>();
  let artifacts: ArtifactStore | undefined;
  let url: string | undefined;

  function createRoutes(store: ArtifactStore): Route[] {
    const registry = createRegistry(clock.now);
    const tracking = createTracking(clock.now);
    return [
      ...generalRoutes(workspace !== undefined),
      ...registeredModelRoutes(registry, dispatcher.emit),
      ...modelVersionRoutes(registry, tracking, dispatcher.emit),
      ...versionTagRoutes(registry, dispatcher.emit),
      ...trackingRoutes(tracking),
      ...loggedModelRoutes(tracking, clock.now),
      ...artifactRoutes(store, registry, tracking),
      ...webhookRoutes(webhooks, dispatcher.control.deliverTest),
      ...unimplementedRoutes,
    ];
  }

  const server = createServer();

  return {
    deliveries: dispatcher.deliveries,
    settled: dispatcher.settled,
    control: dispatcher.control,
    requests: () => Object.fromEntries(counts),
    get url() {
      if (url === undefined) throw new Error("The MLflow stand-in does not listen yet.");
      return url;
    },
    async listen(port = 0) {
      artifacts = await createArtifactStore();
      const routes = compileRoutes(createRoutes(artifacts));
      server.on("request", (request, response) => {
        const handled = handle(request, response, async (asked) => {
          const { route, answer } = await answerCall(routes, request, asked, log);
          counts.set(route, (counts.get(route) ?? 0) + 1);
          return answer;
        });
        const work = handled
          .catch((error: unknown) => {
            log("mlflow-answer-not-sent", { error: String(error) });
            response.destroy();
          })
          .finally(() => working.delete(work));
        working.add(work);
      });
      const listening = new Promise<void>((resolve, reject) => {
        server.once("error", reject).listen(port, "127.0.0.1", () => resolve());
      });
      await listening.catch(async (error: unknown) => {
        await artifacts?.close();
        throw error;
      });
      const address = server.address();
      if (address === null || typeof address === "string") throw new Error("The MLflow stand-in has no address.");
      url = `http://127.0.0.1:${address.port}`;
      return url;
    },
    async close() {
      await dispatcher.close();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
      await Promise.all(working);
      await artifacts?.close();
    },
  };
}

async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  answer: (url: URL) => Promise<Answer>,
): Promise<void> {
  const url = new URL(request.url ?? "/", "http://127.0.0.1");
  const refusal = refuse(request, url.pathname);
  if (refusal !== undefined) {
    await sendAnswer(refusal, response);
    return;
  }
  await sendAnswer(await answer(url), response);
}

/** MLflow's checks against DNS rebinding and foreign pages. */
function refuse(request: IncomingMessage, pathname: string): Answer | undefined {
  const contentType = "text/plain";
  if (["/health", "/version"].includes(pathname)) return undefined;
  if (!LOCAL_HOST.test(request.headers.host ?? "")) {
    return { text: "Invalid Host header - possible DNS rebinding attack detected", contentType, status: 403 };
  }
  const { origin } = request.headers;
  if (origin !== undefined && request.method !== "GET" && !LOCAL_HOST.test(origin.replace(/^https?:\/\//, ""))) {
    return { text: "Cross-origin request blocked", contentType, status: 403 };
  }
  return undefined;
}

function generalRoutes(workspaces: boolean): Route[] {
  const plain = "text/plain; charset=utf-8";
  return [
    { method: "GET", path: "/health", handle: () => ({ text: "OK", contentType: plain, status: 200 }) },
    {
      method: "GET",
      path: "/version",
      handle: () => ({ text: MLFLOW_VERSION, contentType: "text/html; charset=utf-8", status: 200 }),
    },
    {
      method: "GET",
      path: "/api/3.0/mlflow/server-info",
      handle: () => ({ json: { ...INFO, workspaces_enabled: workspaces } }),
    },
  ];
}
