import { randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

const API_VERSION = "2019-08-01";
const PATH = "/msi/token";
const LIFETIME_MILLISECONDS = 60 * 60 * 1000;
const KNOWN_PARAMETERS = new Set(["api-version", "resource", "client_id"]);

/** What App Service reports for a system-assigned identity is its own client id; this one has none. */
const SYSTEM_ASSIGNED_CLIENT_ID = "00000000-0000-0000-0000-000000000000";

export interface IdentityEndpointOptions {
  now?: () => Date;
  log?: (line: string) => void;
}

/** The managed-identity endpoint of App Service and Functions, as unmodified Azure credentials find it. */
export interface IdentityEndpoint {
  /** Listens on 127.0.0.1, by default on a free port, and returns the endpoint's URL. */
  listen(port?: number): Promise<string>;
  /** What the app's environment needs; throws before `listen`. */
  environment(): { IDENTITY_ENDPOINT: string; IDENTITY_HEADER: string };
  /** True for a token given out here less than an hour ago, and for this resource where one is named. */
  isIssued(token: string, resource?: string): boolean;
  /** Gives out a token without a request, for peers that are not Azure SDKs. */
  issue(resource: string): string;
  close(): Promise<void>;
}

interface Answer {
  status: number;
  body: Record<string, unknown>;
}

interface Issued {
  token: string;
  resource: string;
  /** Milliseconds since the epoch. */
  expiresAt: number;
}

/** https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference */
export function createIdentityEndpoint(options: IdentityEndpointOptions = {}): IdentityEndpoint {
  const now = options.now ?? (() => new Date());
  const log = options.log ?? (() => {});
  const header = randomUUID();
  const tokens = new Map<string, Issued>();
  let endpoint = "";

  function issue(resource: string): Issued {
    for (const [token, { expiresAt }] of tokens) if (expiresAt <= now().getTime()) tokens.delete(token);
    const token = randomBytes(32).toString("base64url");
    const issued = { token, resource: withoutSlash(resource), expiresAt: now().getTime() + LIFETIME_MILLISECONDS };
    tokens.set(token, issued);
    return issued;
  }

  function answer(request: IncomingMessage): Answer {
    const url = new URL(request.url ?? "/", "http://127.0.0.1");
    const problem = refusal(request, url, header);
    if (problem !== undefined) return problem;

    const resource = url.searchParams.get("resource") ?? "";
    const { token, expiresAt } = issue(resource);
    return {
      status: 200,
      body: {
        access_token: token,
        client_id: url.searchParams.get("client_id") ?? SYSTEM_ASSIGNED_CLIENT_ID,
        expires_on: String(Math.floor(expiresAt / 1000)),
        resource,
        token_type: "Bearer",
      },
    };
  }

  const server = createServer((request, response) => {
    const { status, body } = answer(request);
    log(`identity ${request.method} ${status}`);
    send(response, status, body);
  });

  return {
    async listen(port = 0) {
      server.listen(port, "127.0.0.1");
      await once(server, "listening");
      const address = server.address();
      if (address === null || typeof address === "string") throw new Error("The identity endpoint has no port.");
      endpoint = `http://127.0.0.1:${address.port}${PATH}`;
      return endpoint;
    },
    environment() {
      if (endpoint === "") throw new Error("The identity endpoint does not listen yet.");
      return { IDENTITY_ENDPOINT: endpoint, IDENTITY_HEADER: header };
    },
    isIssued(token, resource) {
      const issued = tokens.get(token);
      if (issued === undefined || issued.expiresAt <= now().getTime()) return false;
      return resource === undefined || issued.resource === withoutSlash(resource);
    },
    issue: (resource) => issue(resource).token,
    async close() {
      tokens.clear();
      if (!server.listening) return;
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

/** Why a request gets no token, in the order in which App Service would notice. */
function refusal(request: IncomingMessage, url: URL, header: string): Answer | undefined {
  const unknown = [...url.searchParams.keys()].find((name) => !KNOWN_PARAMETERS.has(name));
  if (request.method !== "GET" || url.pathname !== PATH) {
    return problem(501, `${request.method} ${url.pathname} is not implemented.`);
  }
  if (request.headers["x-identity-header"] !== header) return problem(401, "X-IDENTITY-HEADER is missing or wrong.");
  if (url.searchParams.get("api-version") !== API_VERSION)
    return problem(400, `The api-version is not ${API_VERSION}.`);
  if (unknown !== undefined) return problem(501, `The parameter ${unknown} is not implemented.`);
  if ((url.searchParams.get("resource") ?? "") === "") return problem(400, "The resource is missing.");
  return undefined;
}

function problem(status: number, message: string): Answer {
  return { status, body: { statusCode: status, message, correlationId: randomUUID() } };
}

function send(response: ServerResponse, status: number, body: Record<string, unknown>): void {
  response.writeHead(status, { "content-type": "application/json; charset=utf-8" });
  response.end(JSON.stringify(body));
}

/** A scope `https://host//.default` asks for `https://host/`, which is the same resource as `https://host`. */
function withoutSlash(resource: string): string {
  return resource.replace(/\/$/, "");
}
