import { createServer, type Server } from "node:net";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { createServiceBusBroker } from "../../infra/local/service-bus/broker.ts";
import { type App, createApp, readConfiguration, withLogSink } from "../../shared/composition.ts";
import { received, signedHeaders } from "../webhook/deliveries.ts";
import { BUS_KEY, busAt, SECRET, SETTINGS } from "./settings.ts";

/** In the body, and read by nobody. */
const PRIVATE = "what-only-the-body-says";
/** Followed by the policy the settings name. */
const PROMOTION = { name: "churn-classifier", alias: "champion", version: "7", workspace: PRIVATE };

function signed(data: Readonly<Record<string, string>>, parts: { secret?: string } = {}) {
  const body = { entity: "model_version_alias", action: "created", data, note: PRIVATE };
  const rawBody = Buffer.from(JSON.stringify(body));
  const timestamp = String(Math.floor(Date.now() / 1000));
  return { rawBody, headers: received(signedHeaders(rawBody, { secret: SECRET, timestamp, ...parts })) };
}

const logged: string[] = [];
const write = (line: string) => void logged.push(line);
const listen = <T>(work: () => Promise<T>) =>
  withLogSink({ debug: write, info: write, warn: write, error: write }, work);

const appWith = (settings: Readonly<Record<string, string>>): App =>
  createApp(readConfiguration(import.meta.dirname, { ...SETTINGS, ...settings }));

beforeEach(() => {
  logged.length = 0;
});
afterEach(() => {
  for (const hidden of [SECRET, BUS_KEY, PRIVATE, "v1,"]) expect(logged.join("\n")).not.toContain(hidden);
});

describe("a promotion that the bus does not take is `unavailable` within 5 s", () => {
  /** Ways a bus can be down. */
  const silent = () => createServer((socket) => socket.on("error", () => undefined));
  const closing = () => createServer((socket) => socket.destroy());
  test.for<[name: string, make: (() => Server) | undefined]>([
    ["when nothing listens", undefined],
    ["when it takes connections and says nothing", silent],
    ["when it drops every connection", closing],
  ])("%s", { timeout: 15_000 }, async ([, make]) => {
    const server = make?.();
    onTestFinished(() => void server?.close());
    const port = server === undefined ? 9 : await listenOn(server);
    const app = appWith({ ServiceBusConnection: busAt(port) });
    const started = performance.now();
    const receipt = await listen(() => app.receiveDelivery(signed(PROMOTION)));
    expect(performance.now() - started).toBeLessThan(5_000);
    expect(receipt).toEqual({ kind: "unavailable" });
    expect(logged.map((line) => JSON.parse(line))).toMatchObject([
      {
        event: "webhook.unavailable",
        model: "churn-classifier",
        version: "7",
        reason: expect.stringMatching(/Service Bus/),
      },
    ]);
  });
});

describe("what promotes nothing needs no bus, and is logged without what the body says", () => {
  const app = appWith({});
  test.for<[name: string, ReturnType<typeof signed>, receipt: string, event: string]>([
    [
      "a forged signature",
      signed(PROMOTION, { secret: "another secret of the same length!" }),
      "refused",
      "webhook.refused",
    ],
    ["an alias nobody follows", signed({ ...PROMOTION, alias: "challenger" }), "ignored", "webhook.ignored"],
    [
      "a body that lacks the version",
      signed({ name: PROMOTION.name, alias: PRIVATE }),
      "malformed",
      "webhook.malformed",
    ],
  ])("%s", async ([, delivery, kind, event]) => {
    expect(await listen(() => app.receiveDelivery(delivery))).toMatchObject({ kind });
    expect(logged.map((line) => JSON.parse(line))).toMatchObject([{ event }]);
  });
});

test("who called is recorded by the key's fingerprint, never by the key", async () => {
  const app = appWith({});
  const headers = new Headers({ "x-functions-key": "the-key-in-the-header", "x-forwarded-for": "192.0.2.7" });
  await listen(async () => {
    app.recordCaller("deployments", headers, null);
    app.recordCaller("deployments", new Headers(), "the-key-in-the-query");
    app.recordCaller("deployments", new Headers(), null);
  });
  const callers = logged.map((line) => JSON.parse(line));
  expect(callers).toMatchObject([
    {
      event: "request.answered",
      what: "deployments",
      caller: expect.stringMatching(/^key [0-9a-f]{8}$/),
      address: "192.0.2.7",
    },
    { caller: expect.stringMatching(/^key [0-9a-f]{8}$/) },
    { caller: "no key" },
  ]);
  expect(callers[0].caller).not.toBe(callers[1].caller);
  expect(logged.join("\n")).not.toMatch(/the-key-in/);
});

test("a bus that was down is found again", { timeout: 15_000 }, async () => {
  const free = createServer();
  const port = await listenOn(free);
  await new Promise((resolve) => free.close(resolve));
  const app = appWith({ ServiceBusConnection: busAt(port) });
  const first = await listen(() => app.receiveDelivery(signed(PROMOTION)));
  const broker = createServiceBusBroker({ queues: { promotions: {} }, sharedAccessKey: BUS_KEY });
  onTestFinished(() => broker.close());
  await broker.listen(port);
  const second = await listen(() => app.receiveDelivery(signed(PROMOTION)));
  expect([first.kind, second.kind]).toEqual(["unavailable", "accepted"]);
  expect(broker.inspect("promotions")).toMatchObject({ active: 1 });
});

/** Listens on a free port of loopback, which it returns. */
async function listenOn(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}
