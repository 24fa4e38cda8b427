import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";

/** Exact counters of what was asked of each stand-in. */
export interface Counters {
  serviceBus: Readonly<Record<string, number>>;
  tables: Readonly<Record<string, number>>;
  arm: Readonly<Record<string, number>>;
  kubernetes: Readonly<Record<string, number>>;
  /** Of these, the app's alone; empty with a real control plane. */
  kubernetesOfApp: Readonly<Record<string, number>>;
  registry: Readonly<Record<string, number>>;
}

/** Passes requests on to Azurite and counts them: Azurite itself counts nothing. */
export interface TableCounter {
  listen(): Promise<void>;
  readonly address: string;
  readonly connectionString: string;
  /** By HTTP method; a transaction is one POST to `$batch`. */
  requests(): Readonly<Record<string, number>>;
  close(): Promise<void>;
}

export function createTableCounter(connectionString: string): TableCounter {
  const endpoint = new URL(/TableEndpoint=([^;]+)/.exec(connectionString)?.[1] ?? "");
  const counts = new Map<string, number>();
  const server = createServer((incoming, outgoing) => {
    const { method = "GET", url = "/", headers } = incoming;
    const kind = url.includes("$batch") ? "transaction" : method;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    // The host header stays: the request is signed with it left out, but Azurite names itself by it.
    const onward = request({ host: endpoint.hostname, port: endpoint.port, method, path: url, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on("error", () => outgoing.destroy());
    incoming.pipe(onward);
  });
  const address = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    listen: () =>
      new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen(0, "127.0.0.1", resolve);
      }),
    get address() {
      return address();
    },
    get connectionString() {
      return connectionString.replace(endpoint.origin, address());
    },
    requests: () => Object.fromEntries(counts),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
