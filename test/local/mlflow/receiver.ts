import { createServer, type IncomingMessage } from "node:http";
import { afterEach } from "vitest";

/** A request as it came in; headers in wire order and spelling. */
export interface Received {
  method: string;
  target: string;
  headers: readonly (readonly [string, string])[];
  body: string;
}

/** What the receiver answers to a request. */
export interface Reply {
  status: number;
  headers?: Record<string, string>;
  body?: string;
}

export interface Receiver {
  url: string;
  received: Received[];
  /** Resolves once so many requests came; rejects after five seconds. */
  until(count: number): Promise<readonly Received[]>;
  close(): Promise<void>;
}

const open: Receiver[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((receiver) => receiver.close()));
});

/** A webhook receiver on loopback; closed after the test. */
export async function startReceiver(reply: (request: Received) => Reply = () => ({ status: 200 })): Promise<Receiver> {
  const received: Received[] = [];
  const waiting = new Set<() => void>();
  const server = createServer((request, response) => {
    void read(request).then((seen) => {
      received.push(seen);
      const { status, headers, body } = reply(seen);
      response.writeHead(status, headers ?? {}).end(body ?? "");
      for (const check of waiting) check();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const receiver: Receiver = {
    url: `http://127.0.0.1:${port}`,
    received,
    until: (count) =>
      new Promise((resolve, reject) => {
        const limit = setTimeout(() => reject(new Error(`${received.length} of ${count} requests came`)), 5000);
        const check = (): void => {
          if (received.length < count) return;
          clearTimeout(limit);
          waiting.delete(check);
          resolve(received);
        };
        waiting.add(check);
        check();
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  open.push(receiver);
  return receiver;
}

export function header(request: Received | undefined, name: string): string | undefined {
  return request?.headers.find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1];
}

async function read(request: IncomingMessage): Promise<Received> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const { method = "", url: target = "", rawHeaders: raw } = request;
  const headers = raw.flatMap((name, index) => (index % 2 === 0 ? [[name, raw[index + 1] ?? ""] as const] : []));
  return { method, target, headers, body: Buffer.concat(chunks).toString("utf8") };
}
