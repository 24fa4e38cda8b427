import { createServer, type Server } from "node:http";
import { createServer as createSecureServer, request } from "node:https";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { describe, expect, it, onTestFinished } from "vitest";
import { createCertificate } from "../../../infra/local/certificate/create-certificate.ts";
import { createFaultProxy } from "../../../infra/local/soak/fault-proxy.ts";
import { createFaults, FAULT_KINDS, type Fault } from "../../../infra/local/soak/faults.ts";
import { createRandom } from "../../../infra/local/soak/random.ts";

const certificate = await createCertificate();

/** A system that answers what it was sent, behind a proxy that lets every request meet this fault. */
async function behindProxy(fault: Fault | undefined, secure = false) {
  const asked: string[] = [];
  const answer: Parameters<typeof createServer>[1] = async (incoming, outgoing) => {
    const body = await text(incoming);
    asked.push(`${incoming.method} ${incoming.url} ${incoming.headers.host}`);
    outgoing.writeHead(201, { "x-answer": "yes" }).end(`got ${body}`);
  };
  const system: Server = secure ? createSecureServer(certificate, answer) : createServer(answer);
  await new Promise<void>((resolve) => system.listen(0, "127.0.0.1", resolve));
  const upstream = `${secure ? "https" : "http"}://127.0.0.1:${(system.address() as AddressInfo).port}`;
  const proxy = createFaultProxy({ upstream, tls: certificate, next: () => fault });
  await proxy.listen();
  onTestFinished(async () => {
    await proxy.close();
    system.closeAllConnections();
    system.close();
  });
  const ask = () =>
    fetch(`${proxy.origin}/a?b=c`, { method: "POST", body: "something", signal: AbortSignal.timeout(5_000) });
  return { proxy, asked, ask };
}

describe("a fault proxy", () => {
  it("passes everything on as it came, under the name it was asked by", async () => {
    const { proxy, asked, ask } = await behindProxy(undefined);
    const answer = await ask();
    expect([answer.status, answer.headers.get("x-answer"), await answer.text()]).toEqual([201, "yes", "got something"]);
    expect(asked).toEqual([`POST /a?b=c ${proxy.host}`]);
  });

  it("passes on over TLS what it got over TLS", async () => {
    const { proxy, asked } = await behindProxy(undefined, true);
    const status = await new Promise((resolve, reject) => {
      const asking = request(`${proxy.origin}/x`, { ca: certificate.caPem, agent: false }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      });
      asking.on("error", reject).end();
    });
    expect([status, asked]).toEqual([201, [`GET /x ${proxy.host}`]]);
  });

  it.each([503, 429] as const)(
    "refuses with %i and says when to come again; the system is not asked",
    async (status) => {
      const { asked, ask } = await behindProxy({ kind: "refused", status });
      const answer = await ask();
      expect([answer.status, answer.headers.get("retry-after")]).toEqual([status, "1"]);
      expect(asked).toEqual([]);
    },
  );

  it("cuts the connection before the system is asked", async () => {
    const { asked, ask } = await behindProxy({ kind: "cut before" });
    await expect(ask()).rejects.toThrow("fetch failed");
    expect(asked).toEqual([]);
  });

  it("cuts the connection after the system has done it", async () => {
    const { asked, ask } = await behindProxy({ kind: "cut after" });
    await expect(ask()).rejects.toThrow("fetch failed");
    expect(asked).toHaveLength(1);
  });

  it("passes on late", async () => {
    const { ask } = await behindProxy({ kind: "delayed", milliseconds: 60 });
    const startedAt = performance.now();
    expect((await ask()).status).toBe(201);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(59);
  });

  it("cuts off whoever asked when the system is not there", async () => {
    const proxy = createFaultProxy({ upstream: "http://127.0.0.1:1", tls: certificate, next: () => undefined });
    await proxy.listen();
    onTestFinished(() => proxy.close());
    await expect(fetch(proxy.origin, { signal: AbortSignal.timeout(5_000) })).rejects.toThrow("fetch failed");
  });
});

describe("faults", () => {
  const meet = (rate: number, requests: number) => {
    const faults = createFaults(rate, createRandom(7, "tables"));
    return { faults, met: Array.from({ length: requests }, () => faults.next()) };
  };

  it("come as often as the rate says, every kind about as often as the others", () => {
    const { faults, met } = meet(0.1, 4_000);
    const real = met.filter((fault) => fault !== undefined);
    expect(real.length).toBeGreaterThan(300);
    expect(real.length).toBeLessThan(500);
    for (const kind of FAULT_KINDS) expect(faults.counts()[kind]).toBe(real.filter((one) => one.kind === kind).length);
    expect(Math.min(...Object.values(faults.counts()))).toBeGreaterThan(60);
  });

  it("are the same for the same seed", () => {
    expect(meet(0.1, 500).met).toEqual(meet(0.1, 500).met);
  });

  it("never come once they have been stopped", () => {
    const { faults } = meet(1, 1);
    expect(faults.next()).toBeDefined();
    faults.stop();
    expect(faults.next()).toBeUndefined();
  });
});
