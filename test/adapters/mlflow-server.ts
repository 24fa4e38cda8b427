import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { afterEach } from "vitest";

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** Starts servers for the length of one test that answer every request as they are told; returns the address. */
export function useServers(): (answer: Answer) => Promise<URL> {
  const stops: (() => Promise<void>)[] = [];
  afterEach(async () => {
    await Promise.all(stops.splice(0).map((stop) => stop()));
  });
  return async (answer) => {
    const server = createServer(answer);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    stops.push(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("The server has no address.");
    return new URL(`http://127.0.0.1:${address.port}`);
  };
}

/** Answers with a status, a body and headers. */
export function says(status: number, body = "", headers: Readonly<Record<string, string>> = {}): Answer {
  return (_request, response) => void response.writeHead(status, headers).end(body);
}

/** Answers with JSON. */
export function saysJson(value: unknown, status = 200): Answer {
  return says(status, JSON.stringify(value), { "content-type": "application/json" });
}
