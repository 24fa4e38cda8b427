import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";

/** Stands in every hostile answer's body, headers and redirects: no error may repeat it. */
export const SECRET = "c2VjcmV0LXRoYXQtbXVzdC1ub3QtYmUtcmVwZWF0ZWQ";

/** Ways to misbehave; a number is that status with an error in JSON. */
export type Hostility =
  | "silent"
  | "dripping"
  | "resetting"
  | "cut off"
  | "endless"
  | "no JSON"
  | "another shape"
  | "redirecting"
  | number;

export interface HostileServer {
  readonly url: string;
  /** How every request is answered from now on; by request where it is a function, "handled" where that has answered itself. */
  answerWith(
    hostility: Hostility | ((request: IncomingMessage, response: ServerResponse) => Hostility | "handled"),
  ): void;
  /** How many requests came to the place that redirects lead to. */
  trapped(): number;
  close(): Promise<void>;
}

/** A server that misbehaves on 127.0.0.1; over https with a certificate. */
export async function startHostileServer(tls?: { key: string; cert: string }): Promise<HostileServer> {
  let choose: (request: IncomingMessage, response: ServerResponse) => Hostility | "handled" = () => "silent";
  let trapped = 0;
  const timers = new Set<NodeJS.Timeout>();
  const listener: RequestListener = (request, response) => {
    request.resume();
    request.on("error", () => response.destroy());
    if (request.url?.startsWith("/trap") === true) trapped += 1;
    const chosen = choose(request, response);
    if (chosen !== "handled") misbehave(chosen, response, timers);
  };
  const server = tls === undefined ? createHttpServer(listener) : createHttpsServer({ ...tls }, listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    answerWith: (hostility) => {
      choose = typeof hostility === "function" ? hostility : () => hostility;
    },
    trapped: () => trapped,
    close: async () => {
      for (const timer of timers) clearInterval(timer);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const JSON_TYPE = { "content-type": "application/json" };

function misbehave(hostility: Hostility, response: ServerResponse, timers: Set<NodeJS.Timeout>): void {
  switch (hostility) {
    case "silent":
      return;
    case "dripping":
      response.writeHead(200, JSON_TYPE);
      every(20, response, timers, () => response.write(" "));
      return;
    case "resetting":
      response.destroy();
      return;
    case "cut off":
      response.writeHead(200, { ...JSON_TYPE, "content-length": 10_000 });
      response.write(`{"${SECRET}":`, () => response.destroy());
      return;
    case "endless":
      response.writeHead(200, JSON_TYPE);
      flood(response);
      return;
    case "no JSON":
      response.writeHead(200, { "content-type": "text/html" });
      response.end(`<html><title>Sign in</title>${SECRET}</html>`);
      return;
    case "another shape":
      response.writeHead(200, JSON_TYPE);
      response.end(JSON.stringify({ [SECRET]: [SECRET], metadata: 7, value: "x", properties: [] }));
      return;
    case "redirecting":
      response.writeHead(307, { location: `/trap?sig=${SECRET}` });
      response.end();
      return;
    default:
      response.writeHead(hostility, { ...JSON_TYPE, "retry-after": "86400", "x-secret": SECRET });
      response.end(JSON.stringify({ error: { code: "Hostile", message: SECRET } }));
  }
}

function every(milliseconds: number, response: ServerResponse, timers: Set<NodeJS.Timeout>, call: () => void): void {
  const timer = setInterval(call, milliseconds);
  timers.add(timer);
  response.on("close", () => {
    clearInterval(timer);
    timers.delete(timer);
  });
}

/** Writes for as long as somebody reads. */
function flood(response: ServerResponse): void {
  const chunk = Buffer.alloc(256 * 1024, SECRET);
  const write = () => {
    // To a connection that is gone, Node would take any number of writes.
    if (response.destroyed || response.socket?.destroyed !== false) return;
    if (response.write(chunk)) setImmediate(write);
  };
  response.on("drain", write);
  response.on("error", () => response.destroy());
  write();
}
