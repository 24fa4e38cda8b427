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
  /** Takes no new connections; those without a request are closed. */
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
  const server = createServer((request, response) => {
    void deps.inFlight.track(
      handle(deps.answer, request, response).catch((error: unknown) => {
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

async function handle(
  answer: (request: BufferedRequest) => Promise<Answer> | Answer,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = URL.parse(`http://${request.headers.host ?? "localhost"}${request.url ?? "/"}`);
  if (url === null) return send(response, { status: 400 });
  const body = await readBody(request);
  if (body === "aborted") return;
  if (body === "too large") return send(response, { status: 413, headers: { connection: "close" } });
  send(response, await answer({ method: request.method ?? "GET", url, headers: request.headers, body }));
}

async function readBody(request: IncomingMessage): Promise<Buffer | "too large" | "aborted"> {
  if (Number(request.headers["content-length"] ?? 0) > BODY_LIMIT_BYTES) return "too large";
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request) {
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
