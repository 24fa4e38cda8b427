import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { createClusterClient } from "../../../infra/local/kubelet/cluster-client.ts";
import { watchPods } from "../../../infra/local/kubelet/pod-watch.ts";

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

const pod = (name: string, resourceVersion: string) => ({
  metadata: { name, namespace: "n", uid: name, resourceVersion },
});

/** An API server that answers each list and each watch with the next of the given answers, and leaves the last watch open. */
async function follow(lists: object[], watches: ((response: ServerResponse) => void)[]) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? "", "http://api");
    expect(searchParams.get("fieldSelector")).toBe("spec.nodeName=here");
    response.setHeader("content-type", "application/json");
    if (searchParams.get("watch") !== "true") {
      asked.push("list");
      response.end(JSON.stringify(lists.shift()));
      return;
    }
    asked.push(`watch from ${searchParams.get("resourceVersion")}`);
    response.flushHeaders();
    watches.shift()?.(response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}`;
  const kubeconfig = `
current-context: c
contexts: [{ name: c, context: { cluster: c, user: u } }]
clusters: [{ name: c, cluster: { server: "${url}", insecure-skip-tls-verify: true } }]
users: [{ name: u, user: {} }]`;
  const stopping = new AbortController();
  const seen: string[] = [];
  const log: string[] = [];
  const watching = watchPods({
    client: createClusterClient(kubeconfig),
    nodeName: "here",
    signal: stopping.signal,
    log: (message) => log.push(message),
    changes: {
      listed: (pods) => seen.push(`listed ${pods.map(({ metadata }) => metadata?.name)}`),
      changed: ({ metadata }) => seen.push(`changed ${metadata?.name}`),
      deleted: ({ metadata }) => seen.push(`deleted ${metadata?.name}`),
    },
  });
  ends.push(async () => {
    stopping.abort();
    await watching;
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  });
  return { asked, seen, log };
}

const event = (type: string, object: object) => `${JSON.stringify({ type, object })}\n`;
const list = (version: string, ...items: object[]) => ({
  kind: "PodList",
  apiVersion: "v1",
  metadata: { resourceVersion: version },
  items,
});

describe("the watch for pods", () => {
  it("tells what is listed and what changes, and goes on from the last version when a watch ends", async () => {
    const { asked, seen } = await follow(
      [list("5", pod("a", "4"))],
      [
        (response) =>
          response.end(
            event("ADDED", pod("b", "6")) + event("DELETED", pod("a", "7")) + event("BOOKMARK", pod("", "9")),
          ),
        (response) => response.write(event("MODIFIED", pod("b", "10"))),
      ],
    );
    await expect.poll(() => seen, { timeout: 3000 }).toEqual(["listed a", "changed b", "deleted a", "changed b"]);
    expect(asked).toEqual(["list", "watch from 5", "watch from 9"]);
  });

  it("lists again when its version is too old, and when the connection breaks", async () => {
    const gone = { kind: "Status", code: 410, reason: "Expired", message: "too old resource version: 5 (8)" };
    const { asked, seen, log } = await follow(
      [list("5"), list("8", pod("a", "8")), list("9")],
      [
        (response) => response.end(event("ERROR", gone)),
        (response) => setImmediate(() => response.destroy()),
        (response) => response.write(event("ADDED", pod("b", "10"))),
      ],
    );
    await expect.poll(() => seen, { timeout: 3000 }).toEqual(["listed ", "listed a", "listed ", "changed b"]);
    expect(asked).toEqual(["list", "watch from 5", "list", "watch from 8", "list", "watch from 9"]);
    expect(log[0]).toBe("pods: too old resource version: 5 (8)");
  });
});
