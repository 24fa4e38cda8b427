import {
  createServer as createHttpServer,
  Agent as HttpAgent,
  type IncomingMessage,
  request as requestHttp,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createHttpsServer, Agent as HttpsAgent, request as requestHttps } from "node:https";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { Fault } from "./faults.ts";

export interface FaultProxyOptions {
  /** The origin that requests are passed on to: `https://127.0.0.1:1234`. */
  upstream: string;
  /** For https, on both sides. */
  tls: { key: string; cert: string };
  /** Decides about each request before it is passed on; undefined: nothing goes wrong. */
  next: (request: IncomingMessage) => Fault | undefined;
}

/** Stands between the app and a system, passes everything on, and makes go wrong what it is told to. */
export interface FaultProxy {
  listen(): Promise<void>;
  /** As the upstream's, with another port. */
  readonly origin: string;
  readonly host: string;
  close(): Promise<void>;
}

/** What a system that is too busy says. */
const RETRY_AFTER_SECONDS = "1";

export function createFaultProxy({ upstream, tls, next }: FaultProxyOptions): FaultProxy {
  const pass = createPass(upstream, tls.cert);
  const answer = (incoming: IncomingMessage, outgoing: ServerResponse) => {
    // Whoever asked may have been killed meanwhile.
    outgoing.on("error", () => incoming.destroy());
    serve(incoming, outgoing, next(incoming), pass.on).catch(() => outgoing.destroy());
  };
  const secure = upstream.startsWith("https:");
  const server: Server = secure ? createHttpsServer(tls, answer) : createHttpServer(answer);
  // The systems themselves keep idle connections for minutes; a shorter wait would be a fault nobody decided on.
  server.keepAliveTimeout = 240_000;
  const host = () => `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    listen: () =>
      new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen(0, "127.0.0.1", resolve);
      }),
    get host() {
      return host();
    },
    get origin() {
      return `${secure ? "https" : "http"}://${host()}`;
    },
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      pass.close();
      await closed;
    },
  };
}

type PassOn = (incoming: IncomingMessage) => Promise<IncomingMessage>;

async function serve(incoming: IncomingMessage, outgoing: ServerResponse, fault: Fault | undefined, passOn: PassOn) {
  switch (fault?.kind) {
    case undefined:
      return answerWith(await passOn(incoming), outgoing);
    case "delayed":
      await delay(fault.milliseconds);
      return answerWith(await passOn(incoming), outgoing);
    case "refused":
      incoming.resume();
      outgoing.writeHead(fault.status, { "retry-after": RETRY_AFTER_SECONDS, "content-type": "text/plain" });
      outgoing.end("The fault proxy says so.\n");
      return;
    case "cut before":
      incoming.socket.destroy();
      return;
    case "cut after":
      await drain(await passOn(incoming));
      incoming.socket.destroy();
      return;
    default:
      return fault satisfies undefined;
  }
}

function answerWith(answer: IncomingMessage, outgoing: ServerResponse): void {
  outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
  answer.pipe(outgoing);
  answer.on("error", () => outgoing.destroy());
}

async function drain(answer: IncomingMessage): Promise<void> {
  for await (const _chunk of answer);
}

/** Passes a request on unchanged; the host header stays, for some requests are signed with it. */
function createPass(upstream: string, ca: string): { on: PassOn; close: () => void } {
  const { hostname, port, protocol } = new URL(upstream);
  const agent = protocol === "https:" ? new HttpsAgent({ keepAlive: true, ca }) : new HttpAgent({ keepAlive: true });
  const send = protocol === "https:" ? requestHttps : requestHttp;
  const on: PassOn = (incoming) =>
    new Promise((resolve, reject) => {
      const { method, url: path, headers } = incoming;
      const onward = send({ hostname, port, method, path, headers, agent }, resolve);
      onward.on("error", reject);
      incoming.on("aborted", () => onward.destroy());
      incoming.pipe(onward);
    });
  return { on, close: () => agent.destroy() };
}
