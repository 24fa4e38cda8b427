import { readFile } from "node:fs/promises";
import { inspect } from "node:util";
import { ServiceBusClient } from "@azure/service-bus";
import { describe, expect, it, onTestFinished } from "vitest";
import { z } from "zod";
import { createServiceBusBroker, type ServiceBusBroker } from "../../infra/local/service-bus/broker.ts";
import { createDeadLetters } from "../../shared/adapters/service-bus/dead-letters.ts";
import type { DeadLetters } from "../../shared/ports/dead-letters.ts";
import { createFakeDeadLetters } from "../fakes/fake-dead-letters.ts";
import { type DeadLetterStage, deadLettersContract } from "./dead-letters.ts";

const file = new URL("../../infra/queues.json", import.meta.url);
const QUEUES = z.record(z.string(), z.record(z.string(), z.any())).parse(JSON.parse(await readFile(file, "utf8")));
const WITH_FUNCTION = Object.keys(QUEUES).filter((queue) => queue !== "poison");

const setAside = z.object({
  queue: z.enum(["validate", "build"]),
  messageId: z.string(),
  reason: z.string(),
  body: z.any(),
});

deadLettersContract("the fake", async () => {
  const now = () => 1_790_000_000_000;
  const deadLetters = createFakeDeadLetters(now);
  return {
    deadLetters,
    now,
    queues: ["validate", "build"],
    giveUp: async (queue, { id, ...message }) => {
      deadLetters.put({ place: "dead-letter", queue, messageId: id, ...message });
    },
    sendToPoison: async ({ id, body }) => {
      const parsed = setAside.safeParse(body);
      deadLetters.put({
        place: "poison",
        ...(parsed.success ? parsed.data : { queue: "poison", messageId: id, body }),
      });
    },
  };
});

interface BrokerStage extends DeadLetterStage {
  broker: ServiceBusBroker;
  client: ServiceBusClient;
}

/** A broker of its own with the app's queues. */
async function openStage(): Promise<BrokerStage> {
  const broker = createServiceBusBroker({ queues: QUEUES, sharedAccessKey: "c2VjcmV0" });
  await broker.listen();
  onTestFinished(() => broker.close());
  const client = connect(broker.connectionString);
  const send = async (queue: string, id: string, body: unknown) => {
    const sender = client.createSender(queue);
    await sender.sendMessages({ messageId: id, body });
    await sender.close();
  };
  return {
    broker,
    client,
    deadLetters: createDeadLetters(async () => client, WITH_FUNCTION),
    now: Date.now,
    queues: ["validate", "build"],
    giveUp: async (queue, { id, body, reason }) => {
      await send(queue, id, body);
      const receiver = client.createReceiver(queue);
      const [message] = await receiver.receiveMessages(1, { maxWaitTimeInMs: 5_000 });
      if (message === undefined) throw new Error(`no message came to ${queue}`);
      await receiver.deadLetterMessage(message, { deadLetterReason: reason, deadLetterErrorDescription: "by a test" });
      await receiver.close();
    },
    sendToPoison: ({ id, body }) => send("poison", id, body),
  };
}

/** As the app makes it; closed when the test has ended. */
function connect(connectionString: string): ServiceBusClient {
  const client = new ServiceBusClient(connectionString, {
    retryOptions: { maxRetries: 2, retryDelayInMs: 300, timeoutInMs: 3_000 },
  });
  onTestFinished(() => client.close());
  return client;
}

deadLettersContract("Azure Service Bus", openStage);

const soon = () => AbortSignal.timeout(15_000);

describe("a message that Belay cannot have sent", () => {
  it.each<[what: string, body: unknown, shown: string]>([
    ["bytes that are no JSON", Buffer.from("{not json"), "{not json"],
    ["bytes that are no text", Buffer.from([0xff, 0xfe, 0x00]), "\ufffd\ufffd\u0000"],
    ["a very long text", Buffer.from("x".repeat(200_000)), "x".repeat(4_096)],
    ["no bytes at all", Buffer.alloc(0), ""],
  ])("is shown as text: %s", async (_what, body, shown) => {
    const { deadLetters, giveUp } = await openStage();
    await giveUp("validate", { id: "a", body, reason: "other" });
    expect(await deadLetters.list(10, soon())).toMatchObject([{ queue: "validate", body: shown }]);
  });

  it("of another kind of AMQP body is shown as text too, with its reason bounded", async () => {
    const { deadLetters, client } = await openStage();
    const sender = client.createSender("poison");
    const reason = "r".repeat(5_000);
    await sender.sendMessages({
      body: { value: 1 },
      bodyType: "value",
      applicationProperties: { DeadLetterReason: reason },
    });
    const [letter] = await deadLetters.list(10, soon());
    expect(letter).toMatchObject({ queue: "poison", body: "{ value: 1 }", reason: "r".repeat(500) });
  });

  it("takes no more memory than its place may: the rest is listed once the oldest are gone", async () => {
    const { deadLetters, client } = await openStage();
    const sender = client.createSender("poison");
    for (let index = 0; index < 40; index++) await sender.sendMessages({ body: Buffer.alloc(250_000, "x") });
    const listed = await deadLetters.list(100, soon());
    expect(listed.length).toBeGreaterThanOrEqual(17);
    expect(listed.length).toBeLessThan(30);
  });
});

describe("what is held while one is looked for", () => {
  it("is given back at once, and none of it is lost", async () => {
    const { deadLetters, broker, sendToPoison } = await openStage();
    for (let index = 0; index < 30; index++) await sendToPoison({ id: `${index}`, body: { index } });
    const last = (await deadLetters.list(100, soon())).at(-1);
    if (last === undefined) throw new Error("nothing is listed");
    expect(await deadLetters.take(last, async () => undefined, soon())).toBe(true);
    expect(broker.inspect("poison")).toMatchObject({ active: 29, locked: 0, deadLetter: 0 });
    expect(broker.operations()).toMatchObject({ completed: 1 });
  });

  it("is no more than a hundred: what lies behind them is not found, and stays", async () => {
    const { deadLetters, client, broker } = await openStage();
    const sender = client.createSender("poison");
    await sender.sendMessages(Array.from({ length: 101 }, (_, index) => ({ messageId: `${index}`, body: {} })));
    const last = (await deadLetters.list(101, soon())).at(-1);
    if (last === undefined) throw new Error("nothing is listed");
    expect(last.messageId).toBe("100");
    expect(await deadLetters.take(last, () => expect.fail("it is behind the others"), soon())).toBe(false);
    expect(broker.inspect("poison")).toMatchObject({ active: 101, locked: 0 });
  });

  it("stays in poison however often others are looked for", async () => {
    const { deadLetters, broker, sendToPoison } = await openStage();
    await sendToPoison({ id: "first", body: {} });
    await sendToPoison({ id: "second", body: {} });
    const [, second] = await deadLetters.list(10, soon());
    if (second === undefined) throw new Error("nothing is listed");
    for (let index = 0; index < 12; index++)
      await deadLetters.take(second, () => Promise.reject(new Error("no")), soon()).catch(() => undefined);
    expect(broker.inspect("poison")).toMatchObject({ active: 2, deadLetter: 0 });
  });
});

describe("a bus that does not answer", () => {
  const reference = { place: "poison", queue: "poison", sequenceNumber: "1" } as const;
  const asks: readonly (readonly [string, (deadLetters: DeadLetters, signal: AbortSignal) => Promise<unknown>])[] = [
    ["listing", (deadLetters, signal) => deadLetters.list(10, signal)],
    ["taking", (deadLetters, signal) => deadLetters.take(reference, async () => undefined, signal)],
  ];

  it.each(asks)("ends the call with the caller's signal: %s", async (_what, ask) => {
    const deadLetters = createDeadLetters(() => new Promise(() => undefined), WITH_FUNCTION);
    const error = { name: "TransientError", code: "unreachable" };
    await expect(ask(deadLetters, AbortSignal.timeout(50))).rejects.toMatchObject(error);
    await expect(ask(deadLetters, AbortSignal.abort())).rejects.toMatchObject(error);
  });

  it.each(asks)("refuses a wrong key as denied access, and names the role to listen: %s", async (_what, ask) => {
    const { broker } = await openStage();
    const wrong = "d3Jvbmcta2V5";
    const client = connect(broker.connectionString.replace(/SharedAccessKey=[^;]+/, `SharedAccessKey=${wrong}`));
    const deadLetters = createDeadLetters(async () => client, WITH_FUNCTION);
    const error: unknown = await ask(deadLetters, soon()).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "access-denied", message: expect.stringContaining("Data Receiver") });
    expect(inspect(error, { depth: 10 })).not.toContain(wrong);
  });

  it("is asked again once it is back", async () => {
    const { deadLetters, broker, giveUp } = await openStage();
    await giveUp("validate", { id: "a", body: {}, reason: "other" });
    const [letter] = await deadLetters.list(10, soon());
    if (letter === undefined) throw new Error("nothing is listed");
    broker.cutConnections();
    expect(await deadLetters.list(10, soon())).toEqual([letter]);
    broker.cutConnections();
    expect(await deadLetters.take(letter, async () => undefined, soon())).toBe(true);
  });

  it("says which of its queues does not exist by a code that a person can mend", async () => {
    const { client } = await openStage();
    const deadLetters = createDeadLetters(async () => client, ["no-such-queue"]);
    await expect(deadLetters.list(10, soon())).rejects.toMatchObject({
      name: "PermanentError",
      code: "configuration-wrong",
    });
  });
});
