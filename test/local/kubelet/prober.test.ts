import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { StartError } from "../../../infra/local/kubelet/command-line.ts";
import { runProbes } from "../../../infra/local/kubelet/container-probes.ts";
import { type ProbeContext, portNumber, probe } from "../../../infra/local/kubelet/prober.ts";

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  }
});

async function serve(
  answer: (path: string, headers: NodeJS.Dict<string | string[]>) => number | undefined,
): Promise<number> {
  const server = createServer((request, response) => {
    const status = answer(request.url ?? "", request.headers);
    if (status !== undefined) response.writeHead(status).end("body");
  });
  servers.push(server.listen(0, "127.0.0.1"));
  await once(server, "listening");
  const address = server.address();
  return typeof address === "object" && address ? address.port : 0;
}

function context(port: number, exec: ProbeContext["exec"] = async () => ({ exitCode: 0, output: "" })): ProbeContext {
  return { podIP: "127.0.0.1", container: { name: "c", ports: [{ name: "http", containerPort: port }] }, exec };
}

const soon = () => AbortSignal.timeout(500);

describe("a probe", () => {
  it.each([
    [200, true],
    [302, true],
    [404, false],
    [503, false],
  ])("takes status %d as %s", async (status, success) => {
    const port = await serve(() => status);
    const answer = await probe({ httpGet: { port: "http" } }, context(port), soon());
    expect(answer).toEqual({
      success,
      message: `HTTP probe ${success ? "succeeded" : "failed"} with statuscode: ${status}`,
    });
  });

  it("asks for the path with the headers of the manifest", async () => {
    const port = await serve((path, headers) => (path === "/ready?x=1" && headers["x-a"] === "1" ? 200 : 400));
    const httpGet = { port, path: "ready?x=1", httpHeaders: [{ name: "X-A", value: "1" }] };
    expect((await probe({ httpGet }, context(port), soon())).success).toBe(true);
  });

  it("fails when nobody listens, and when the answer takes too long", async () => {
    const port = await serve(() => undefined);
    const slow = await probe({ httpGet: { port } }, context(port), AbortSignal.timeout(30));
    expect(slow).toEqual({ success: false, message: "timed out" });
    expect((await probe({ tcpSocket: { port } }, context(port), soon())).success).toBe(true);
    const nobody = await probe({ tcpSocket: { port: 1 } }, context(port), soon());
    expect(nobody).toMatchObject({ success: false, message: expect.stringContaining("ECONNREFUSED") });
  });

  it("judges a command by its exit code, and does not count one that cannot be started", async () => {
    const command = ["check"];
    const run = (exec: ProbeContext["exec"]) => probe({ exec: { command } }, context(0, exec), soon());
    expect(await run(async () => ({ exitCode: 0, output: "" }))).toEqual({ success: true, message: "" });
    expect(await run(async () => ({ exitCode: 1, output: "no\n" }))).toEqual({ success: false, message: "no" });
    expect(await run(() => Promise.reject(new StartError("none")))).toEqual({ success: undefined, message: "none" });
  });

  it("refuses a port name the container does not have", () => {
    expect(() => portNumber("grpc", { name: "c" })).toThrow("couldn't find port: grpc");
    expect(portNumber("8080", { name: "c" })).toBe(8080);
  });
});

describe("the probes of a container", () => {
  it("hold readiness and liveness back until the startup probe has succeeded", async () => {
    const asked: string[] = [];
    const port = await serve((path) => {
      asked.push(path);
      return path === "/startup" && asked.length < 3 ? 503 : 200;
    });
    const over = new AbortController();
    const period = { periodSeconds: 0.01 };
    const container = {
      name: "c",
      startupProbe: { httpGet: { port, path: "/startup" }, ...period },
      readinessProbe: { httpGet: { port, path: "/readiness" }, ...period },
    };
    const happened: string[] = [];
    await runProbes({
      container,
      context: context(port),
      startedAt: new Date(),
      signal: over.signal,
      on: {
        started: () => happened.push("started"),
        ready: (isReady) => {
          happened.push(`ready ${isReady}`);
          over.abort();
        },
        dead: (kind) => happened.push(`dead ${kind}`),
        unhealthy: (kind, message) => happened.push(`${kind}: ${message}`),
      },
    });
    expect(asked.slice(0, 4)).toEqual(["/startup", "/startup", "/startup", "/readiness"]);
    const failed = "startup: HTTP probe failed with statuscode: 503";
    expect(happened).toEqual([failed, failed, "started", "ready true"]);
  });

  it("report a container without a readiness probe as ready once it has started, and a dead one once", async () => {
    const port = await serve(() => 500);
    const happened: string[] = [];
    const livenessProbe = { httpGet: { port }, periodSeconds: 0.01, failureThreshold: 2 };
    await runProbes({
      container: { name: "c", livenessProbe },
      context: context(port),
      startedAt: new Date(),
      signal: soon(),
      on: {
        started: () => happened.push("started"),
        ready: (isReady) => happened.push(`ready ${isReady}`),
        dead: (kind) => happened.push(`dead ${kind}`),
        unhealthy: (kind) => happened.push(`unhealthy ${kind}`),
      },
    });
    expect(happened).toEqual(["started", "ready true", "unhealthy liveness", "unhealthy liveness", "dead liveness"]);
  });
});
