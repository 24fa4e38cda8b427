import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Answer, BufferedRequest } from "./http-functions.ts";
import type { InFlight } from "./in-flight.ts";
import { describeError } from "./invoker.ts";
import type { Log } from "./log.ts";

/** The largest body Azure Functions takes (https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook-trigger#limits). */
const BODY_LIMIT_BYTES = 104_857_600;

export interface HttpServer {
  /** Listens on 127.0.0.1 and resolves to the base address. */
  listen(port: number): Promise<string>;
  /** Takes no new request: connections without one are closed, the others after their answer. */
  drain(): void;
  /** Closes every connection. */
  close(): Promise<void>;
}

/** Reads each request whole, then lets `answer` answer it. */
export function createHttpServer(deps: {
  answer: (request: BufferedRequest) => Promise<Answer> | Answer;
  inFlight: InFlight;
  log: Log;
}): HttpServer {
  let draining = false;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = draining ? { status: 503 } : await answerRequest(deps.answer, request);
    if (answer === "aborted") return;
    // Node keeps a connection that was busy when the server closed, and takes further requests from it.
    if (draining) response.setHeader("connection", "close");
    send(response, answer);
    // What nobody reads any more of a body is let through, so that the peer gets to read the answer.
    request.resume();
  }

  const server = createServer((request, response) => {
    void deps.inFlight.track(
      handle(request, response).catch((error: unknown) => {
        deps.log({ level: "error", category: "Host.Http", message: describeError(error) });
        response.destroy();
      }),
    );
  });
  server.requestTimeout = 0;

  return {
    listen: (port) =>
      new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen(port, "127.0.0.1", () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
      }),
    drain() {
      draining = true;
      server.close();
      server.closeIdleConnections();
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answerRequest(
  answer: (request: BufferedRequest) => Promise<Answer> | Answer,
  request: IncomingMessage,
): Promise<Answer | "aborted"> {
  const url = URL.parse(`http://${request.headers.host ?? "localhost"}${request.url ?? "/"}`);
  if (url === null) return { status: 400 };
  const body = await readBody(request);
  if (body === "aborted") return "aborted";
  if (body === "too large") return { status: 413 };
  return answer({ method: request.method ?? "GET", url, headers: request.headers, body });
}

async function readBody(request: IncomingMessage): Promise<Buffer | "too large" | "aborted"> {
  if (Number(request.headers["content-length"] ?? 0) > BODY_LIMIT_BYTES) return "too large";
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    // Leaving the loop must not cut the connection on which the answer goes out.
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > BODY_LIMIT_BYTES) return "too large";
    }
  } catch (error) {
    if (request.destroyed && !request.complete) return "aborted";
    throw error;
  }
  return Buffer.concat(chunks);
}

function send(response: ServerResponse, answer: Answer): void {
  response.statusCode = answer.status;
  response.setHeaders(new Map(Object.entries(answer.headers ?? {})));
  response.end(answer.body);
}
