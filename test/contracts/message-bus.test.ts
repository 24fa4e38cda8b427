import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { inspect } from "node:util";
import { ServiceBusClient } from "@azure/service-bus";
import { afterAll, beforeAll, describe, it } from "vitest";
import { z } from "zod";
import { createServiceBusBroker } from "../../infra/local/service-bus/broker.ts";
import { createServiceBus } from "../../shared/adapters/service-bus/message-bus.ts";
import { createFakeBus } from "../fakes/fake-bus.ts";
import { type Arrived, type BusStage, messageBusContract } from "./message-bus.ts";

const file = new URL("../../infra/queues.json", import.meta.url);
const QUEUES = z.record(z.string(), z.record(z.string(), z.any())).parse(JSON.parse(await readFile(file, "utf8")));
const PROPERTIES = QUEUES["poison"] ?? {};

messageBusContract("the fake", async () => {
  let time = 1_790_000_000_000;
  const bus = createFakeBus(() => time);
  const others: Arrived[] = [];
  const queueOf = new WeakMap<Arrived, string>();
  const takeOne = (queue: string): Arrived => {
    const held = others.findIndex((message) => queueOf.get(message) === queue);
    const [first] = held === -1 ? [] : others.splice(held, 1);
    if (first !== undefined) return first;
    time = Math.max(time, bus.nextAt() ?? time);
    const taken = bus.take(time);
    if (taken === undefined) throw new Error(`no message came to ${queue}`);
    const arrived = { id: taken.id, body: taken.body, at: time };
    if (taken.queue === queue) return arrived;
    others.push(arrived);
    queueOf.set(arrived, taken.queue);
    return takeOne(queue);
  };
  return {
    bus,
    now: () => time,
    queues: ["validate", "build"],
    take: async (queue, count) => Array.from({ length: count }, () => takeOne(queue)),
  };
});

/** Queues of its own for every test, all with the properties of the app's. */
const STAGES = Array.from({ length: 40 }, (_, index) => `queue-${index}`);
const broker = createServiceBusBroker({
  queues: { ...QUEUES, ...Object.fromEntries(STAGES.map((name) => [name, PROPERTIES])) },
  sharedAccessKey: "c2VjcmV0",
});
let client: ServiceBusClient;
beforeAll(async () => {
  await broker.listen();
  client = connect(broker.connectionString);
});
afterAll(async () => {
  await client.close();
  await broker.close();
});

/** As the app makes it. */
function connect(connectionString: string): ServiceBusClient {
  return new ServiceBusClient(connectionString, {
    retryOptions: { maxRetries: 2, retryDelayInMs: 300, timeoutInMs: 3_000 },
  });
}

function take(from: ServiceBusClient): BusStage["take"] {
  return async (queue, count) => {
    const receiver = from.createReceiver(queue, { receiveMode: "receiveAndDelete" });
    const all: Arrived[] = [];
    while (all.length < count) {
      const [message] = await receiver.receiveMessages(1, { maxWaitTimeInMs: 5_000 });
      if (message === undefined) throw new Error(`only ${all.length} of ${count} messages came to ${queue}`);
      all.push({ id: String(message.messageId), body: message.body, at: Date.now() });
    }
    await receiver.close();
    return all;
  };
}

messageBusContract("Azure Service Bus", async () => ({
  bus: createServiceBus(async () => client),
  now: Date.now,
  queues: [STAGES.shift() ?? "", STAGES.shift() ?? ""],
  take: take(client),
}));

type AtEnd = (stop: () => Promise<void>) => void;
const promotion = { queue: "promotions", id: "delivery", body: {} };
const WEBHOOK_MS = 5_000;

/** A bus of the app's at that address, for one test. */
function busAt(connectionString: string, atEnd: AtEnd) {
  const opened = connect(connectionString);
  atEnd(() => opened.close());
  return createServiceBus(async () => opened);
}

/** The address of a server that does with connections what it is told. */
async function listen(atEnd: AtEnd, meet: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    meet(socket);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = z.object({ port: z.number() }).parse(server.address());
  atEnd(async () => {
    for (const socket of sockets) socket.destroy();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  });
  return broker.connectionString.replace(/:\d+;/, `:${port};`);
}

/** An address where nobody listens any more. */
async function gone(): Promise<string> {
  const stops: (() => Promise<void>)[] = [];
  const connectionString = await listen(
    (stop) => void stops.push(stop),
    () => undefined,
  );
  for (const stop of stops) await stop();
  return connectionString;
}

const DEAD: [string, (atEnd: AtEnd) => Promise<string>][] = [
  ["nobody listens", gone],
  ["it takes connections and says nothing", (atEnd) => listen(atEnd, () => undefined)],
  ["it cuts every connection", (atEnd) => listen(atEnd, (socket) => socket.destroy())],
  ["it speaks something else", (atEnd) => listen(atEnd, (socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"))],
];

describe.concurrent("a bus that does not answer", () => {
  it.for(DEAD)("is known within the time a webhook has: %s", async ([, open], { expect, onTestFinished: atEnd }) => {
    const bus = busAt(await open(atEnd), atEnd);
    const started = performance.now();
    await expect(bus.send([promotion])).rejects.toMatchObject({ name: "TransientError", code: "unreachable" });
    expect(performance.now() - started).toBeLessThan(WEBHOOK_MS);
  });

  it("is known within that time also where its client cannot be made at once", async ({ expect }) => {
    const bus = createServiceBus(() => new Promise(() => undefined));
    const started = performance.now();
    await expect(bus.send([promotion])).rejects.toMatchObject({ name: "TransientError", code: "unreachable" });
    expect(performance.now() - started).toBeLessThan(WEBHOOK_MS);
  });

  it("is asked anew after its client could not be made", async ({ expect }) => {
    let tries = 0;
    const bus = createServiceBus(async () => {
      tries += 1;
      if (tries === 1) throw new Error("no token");
      return client;
    });
    const queue = STAGES.shift() ?? "";
    await expect(bus.send([{ ...promotion, queue }])).rejects.toMatchObject({ name: "TransientError" });
    await bus.send([{ ...promotion, queue }]);
    expect(broker.inspect(queue).active).toBe(1);
  });

  it("ends with the caller's signal, which may have ended before", async ({ expect, onTestFinished: atEnd }) => {
    const bus = busAt(await listen(atEnd, () => undefined), atEnd);
    await expect(bus.send([promotion], AbortSignal.timeout(100))).rejects.toMatchObject({ name: "TransientError" });
    await expect(bus.send([promotion], AbortSignal.abort())).rejects.toMatchObject({ name: "TransientError" });
    await expect(bus.ping(AbortSignal.timeout(100))).rejects.toMatchObject({ name: "TransientError" });
  });

  it("takes messages again once it is back", async ({ expect, onTestFinished: atEnd }) => {
    const own = createServiceBusBroker({ queues: QUEUES, sharedAccessKey: "c2VjcmV0" });
    await own.listen();
    atEnd(() => own.close());
    const bus = busAt(own.connectionString, atEnd);
    await bus.send([promotion]);
    own.cutConnections();
    await bus.send([{ ...promotion, id: "after" }]);
    expect(own.inspect("promotions").active).toBe(2);
  });

  it("refuses a wrong key as denied access, without repeating it", async ({ expect, onTestFinished: atEnd }) => {
    const wrong = "d3Jvbmcta2V5";
    const bus = busAt(broker.connectionString.replace(/SharedAccessKey=[^;]+/, `SharedAccessKey=${wrong}`), atEnd);
    for (const ask of [() => bus.send([promotion]), () => bus.ping(AbortSignal.timeout(5_000))]) {
      const error: unknown = await ask().catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: "access-denied", message: expect.stringContaining("Data Sender") });
      expect(inspect(error, { depth: 10 })).not.toContain(wrong);
    }
  });
});
