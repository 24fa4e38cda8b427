import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { createServer as createSocketServer, type Socket } from "node:net";
import { createCertificate } from "../certificate/create-certificate.ts";
import type { LogRing } from "./log-ring.ts";

/** Finds what a container wrote; undefined when there is no such pod, container or instance. */
export type FindLog = (namespace: string, pod: string, container: string, isPrevious: boolean) => LogRing | undefined;

export type KubeletServer = { readonly port: number; close(): Promise<void> };

const TLS_HANDSHAKE = 0x16;
const UNSUPPORTED = ["follow", "timestamps", "sinceSeconds", "sinceTime", "limitBytes"];

/**
 * The kubelet's own HTTP server: GET /healthz and GET /containerLogs/{namespace}/{pod}/{container}; the rest is 501.
 * It takes https, which API servers insist on, and http on the same port. Rejects when the address cannot be listened on.
 */
export async function listenKubelet(host: string, port: number, findLog: FindLog): Promise<KubeletServer> {
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    const { status, text } = answerTo(request, findLog);
    response.writeHead(status, { "content-type": "text/plain" }).end(text);
  };
  const { key, cert } = await createCertificate();
  const plain = createServer(answer);
  const secure = createTlsServer({ key, cert }, answer);
  const sockets = new Set<Socket>();
  const front = createSocketServer((socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket)).once("error", () => socket.destroy());
    socket.once("readable", () => dispatch(socket, plain, secure));
  });
  front.listen(port, host);
  await once(front, "listening");
  const address = front.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : port,
    async close() {
      const closed = once(front, "close");
      front.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function dispatch(socket: Socket, plain: Server, secure: Server): void {
  const first: Buffer | null = socket.read(1);
  if (first === null) {
    socket.destroy();
    return;
  }
  socket.unshift(first);
  (first[0] === TLS_HANDSHAKE ? secure : plain).emit("connection", socket);
}

type Answer = { readonly status: number; readonly text: string };

function answerTo({ method, url = "/" }: IncomingMessage, findLog: FindLog): Answer {
  const { pathname, searchParams } = new URL(url, "http://kubelet");
  if (method === "GET" && pathname === "/healthz") return { status: 200, text: "ok" };
  const [, namespace, pod, container] = /^\/containerLogs\/([^/]+)\/([^/]+)\/([^/]+)$/.exec(pathname) ?? [];
  if (method !== "GET" || namespace === undefined || pod === undefined || container === undefined) {
    return { status: 501, text: `not implemented: ${method} ${pathname}\n` };
  }
  return logAnswer(searchParams, container, (isPrevious) => findLog(namespace, pod, container, isPrevious));
}

function logAnswer(
  query: URLSearchParams,
  container: string,
  find: (isPrevious: boolean) => LogRing | undefined,
): Answer {
  const asked = UNSUPPORTED.filter((name) => !["", "false", null].includes(query.get(name)));
  if (asked.length > 0) return { status: 501, text: `not implemented: ${asked.join(", ")}\n` };
  const tail = query.get("tailLines");
  if (tail !== null && !/^\d+$/.test(tail)) return { status: 400, text: `tailLines is no number: ${tail}\n` };
  const isPrevious = query.get("previous") === "true";
  const log = find(isPrevious);
  if (log) return { status: 200, text: log.tail(tail === null ? undefined : Number(tail)) };
  const what = isPrevious ? "previous terminated container" : "container";
  return { status: isPrevious ? 400 : 404, text: `${what} "${container}" not found\n` };
}
