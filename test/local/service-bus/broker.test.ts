import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { connect, receiveMany, receiveOne, type StartedBroker, startBroker } from "./start-broker.ts";

let started: StartedBroker;

beforeAll(async () => {
  started = await startBroker({
    plain: {},
    batch: {},
    deletes: {},
    abandons: { maxDeliveryCount: 2 },
    deadletters: {},
    defers: {},
    settles: {},
    expires: { lockDuration: "PT0.3S" },
    renews: { lockDuration: "PT0.4S" },
    schedules: {},
    peeks: {},
    streams: {},
    lives: { defaultMessageTimeToLive: "PT0.2S", deadLetteringOnMessageExpiration: true },
    dedups: { requiresDuplicateDetection: true },
    small: { maxSizeInMegabytes: 1 },
    many: {},
    crowded: {},
    drains: {},
  });
});

afterAll(() => started.stop());

function open(queue: string) {
  const { client, broker } = started;
  return {
    sender: client.createSender(queue),
    receiver: client.createReceiver(queue),
    deadLetters: client.createReceiver(queue, { subQueueType: "deadLetter" }),
    inspect: () => broker.inspect(queue),
  };
}

const EMPTY = { active: 0, scheduled: 0, locked: 0, deferred: 0, deadLetter: 0 };

describe("send", () => {
  test("body, properties and their kinds arrive as they were sent", async () => {
    const { sender, receiver, inspect } = open("plain");
    const sent = {
      body: { image: "model", port: 8080 },
      messageId: "m1",
      subject: "rollout",
      correlationId: "c1",
      contentType: "application/json",
      applicationProperties: { attempt: 5, ratio: 1.5, last: true, target: "fraud", at: new Date(0) },
    };
    await sender.sendMessages(sent);
    const message = await receiveOne(receiver);
    // dates come back as milliseconds unless the SDK is told otherwise
    expect(message).toMatchObject({
      ...sent,
      applicationProperties: { attempt: 5, ratio: 1.5, last: true, target: "fraud" },
    });
    expect(message.deliveryCount).toBe(0);
    expect(message.sequenceNumber?.toNumber()).toBe(1);
    expect(message.enqueuedSequenceNumber).toBe(1);
    expect(message.state).toBe("active");
    expect(Math.abs(Date.now() - (message.enqueuedTimeUtc?.getTime() ?? 0))).toBeLessThan(5000);
    expect((message.lockedUntilUtc?.getTime() ?? 0) - Date.now()).toBeGreaterThan(50_000);
    expect(inspect()).toEqual({ ...EMPTY, locked: 1 });
    await receiver.completeMessage(message);
    expect(inspect()).toEqual(EMPTY);
  });

  test("a batch comes out one by one, in order", async () => {
    const { sender, receiver } = open("batch");
    await sender.sendMessages(Array.from({ length: 50 }, (_, index) => ({ body: index, messageId: `b${index}` })));
    const messages = await receiveMany(receiver, 50);
    expect(messages.map(({ body }) => body)).toEqual(Array.from({ length: 50 }, (_, index) => index));
    await Promise.all(messages.map((message) => receiver.completeMessage(message)));
  });

  test("a body of 200 KB, which takes several frames, arrives whole", async () => {
    const { sender, receiver } = open("plain");
    const body = Buffer.alloc(200 * 1024, "belay");
    await sender.sendMessages({ body, messageId: "big" });
    const message = await receiveOne(receiver);
    expect(body.equals(message.body)).toBe(true);
    await receiver.completeMessage(message);
  });

  test("a message above 256 KB is refused", async () => {
    const { sender, inspect } = open("plain");
    const sending = sender.sendMessages({ body: Buffer.alloc(300 * 1024), messageId: "huge" });
    await expect(sending).rejects.toMatchObject({ code: "MessageSizeExceeded" });
    expect(inspect()).toEqual(EMPTY);
  });

  test("a message beyond the queue's size is refused", async () => {
    const { sender, receiver } = open("small");
    const message = { body: Buffer.alloc(200 * 1024) };
    for (let count = 0; count < 5; count += 1) await sender.sendMessages({ ...message, messageId: `s${count}` });
    await expect(sender.sendMessages({ ...message, messageId: "s5" })).rejects.toMatchObject({ code: "QuotaExceeded" });
    await receiver.completeMessage(await receiveOne(receiver));
    await sender.sendMessages({ ...message, messageId: "s5" });
  });

  test("an unknown queue is not found", async () => {
    const sending = started.client.createSender("nowhere").sendMessages({ body: 1, messageId: "n" });
    await expect(sending).rejects.toMatchObject({ code: "MessagingEntityNotFound" });
  });

  test("a topic is refused as not implemented", async () => {
    const receiver = started.client.createReceiver("events", "everything");
    await expect(receiver.receiveMessages(1, { maxWaitTimeInMs: 500 })).rejects.toThrow(/A topic is not implemented/);
  });

  test("a wrong key is refused", async () => {
    const stranger = connect(started.broker.connectionString.replace("c2VjcmV0", "d3Jvbmc="));
    const sending = stranger.createSender("plain").sendMessages({ body: 1, messageId: "w" });
    await expect(sending).rejects.toMatchObject({ code: "UnauthorizedAccess" });
    await stranger.close();
  });
});

test("queue dedup, batch dedup, and a scheduled copy with the same id", async () => {
  const { sender, inspect } = open("dedups");
  const before = started.broker.operations().duplicatesDropped;
  await sender.sendMessages({ body: 1, messageId: "same" });
  await sender.sendMessages({ body: 2, messageId: "same" });
  await sender.sendMessages([
    { body: 3, messageId: "same" },
    { body: 4, messageId: "other" },
    { body: 5, messageId: "other" },
  ]);
  await sender.scheduleMessages({ body: 6, messageId: "same" }, new Date(Date.now() + 60_000));
  expect(inspect()).toEqual({ ...EMPTY, active: 2 });
  expect(started.broker.operations().duplicatesDropped - before).toBe(4);
});

describe("receive", () => {
  test("receive-and-delete leaves nothing", async () => {
    const { sender, inspect } = open("deletes");
    await sender.sendMessages([{ body: 1 }, { body: 2 }]);
    const receiver = started.client.createReceiver("deletes", { receiveMode: "receiveAndDelete" });
    expect((await receiveMany(receiver, 2)).map(({ body }) => body)).toEqual([1, 2]);
    expect(inspect()).toEqual(EMPTY);
    await receiver.close();
  });

  test.each(["peekLock", "receiveAndDelete"] as const)(
    "3,000 messages over one link in %s, more than rhea's buffer of 2,048",
    async (receiveMode) => {
      const { sender, inspect } = open("many");
      const receiver = started.client.createReceiver("many", { receiveMode });
      for (let part = 0; part < 6; part += 1) {
        await sender.sendMessages(
          Array.from({ length: 500 }, (_, index) => ({ body: index, messageId: `${part}-${index}` })),
        );
      }
      for (let part = 0; part < 12; part += 1) {
        const messages = await receiveMany(receiver, 250);
        if (receiveMode === "peekLock") await Promise.all(messages.map((message) => receiver.completeMessage(message)));
      }
      expect(inspect()).toEqual(EMPTY);
      await receiver.close();
    },
  );

  test("more unsettled messages than rhea's buffer holds wait until there is room", async () => {
    const { sender, receiver, inspect } = open("crowded");
    for (let part = 0; part < 5; part += 1) {
      await sender.sendMessages(
        Array.from({ length: 430 }, (_, index) => ({ body: index, messageId: `${part}-${index}` })),
      );
    }
    const first = await receiver.receiveMessages(2150, { maxWaitTimeInMs: 1000 });
    expect(first.length).toBeGreaterThan(2000);
    expect(first.length).toBeLessThan(2150);
    await Promise.all(first.map((message) => receiver.completeMessage(message)));
    const rest = await receiveMany(receiver, 2150 - first.length);
    await Promise.all(rest.map((message) => receiver.completeMessage(message)));
    expect(inspect()).toEqual(EMPTY);
  });

  test("a receive that asked for more than there is gives the rest of its credit back", async () => {
    const { sender, receiver, inspect } = open("drains");
    await sender.sendMessages({ body: 1, messageId: "d1" });
    const messages = await receiver.receiveMessages(10, { maxWaitTimeInMs: 200 });
    await sender.sendMessages({ body: 2, messageId: "d2" });
    expect(messages.map(({ body }) => body)).toEqual([1]);
    expect(inspect()).toEqual({ ...EMPTY, active: 1, locked: 1 });
  });

  test("an empty queue gives an empty list, again and again", async () => {
    const { receiver } = open("drains");
    const other = started.client.createReceiver("peeks");
    for (let count = 0; count < 3; count += 1) {
      expect(await other.receiveMessages(5, { maxWaitTimeInMs: 50 })).toEqual([]);
    }
    await Promise.all([receiver.close(), other.close()]);
  });

  test("a streaming receiver completes, and abandons what its handler throws on", async () => {
    const { sender, receiver, inspect } = open("streams");
    const seen: string[] = [];
    const errors: string[] = [];
    const subscription = receiver.subscribe({
      async processMessage({ body, deliveryCount }) {
        seen.push(`${body} ${deliveryCount}`);
        if (body === "boom" && deliveryCount === 0) throw new Error("handler");
      },
      async processError({ error }) {
        errors.push(error.message);
      },
    });
    await sender.sendMessages(["a", "boom", "c"].map((body) => ({ body, messageId: body })));
    await vi.waitFor(() => expect(inspect()).toEqual(EMPTY), { timeout: 2000 });
    expect(seen.toSorted()).toEqual(["a 0", "boom 0", "boom 1", "c 0"]);
    expect(errors).toEqual(["handler"]);
    await subscription.close();
  });
});

describe("settle", () => {
  test("abandon with properties, then the dead-letter queue after maxDeliveryCount", async () => {
    const { sender, receiver, deadLetters } = open("abandons");
    await sender.sendMessages({ body: 1, messageId: "a", applicationProperties: { kept: "yes" } });
    await receiver.abandonMessage(await receiveOne(receiver), { why: "first" });
    const again = await receiveOne(receiver);
    expect(again).toMatchObject({ deliveryCount: 1, applicationProperties: { kept: "yes", why: "first" } });
    await receiver.abandonMessage(again, { why: "second" });
    const dead = await receiveOne(deadLetters);
    expect(dead).toMatchObject({
      body: 1,
      deliveryCount: 2,
      deadLetterReason: "MaxDeliveryCountExceeded",
      deadLetterSource: "abandons",
      applicationProperties: { kept: "yes", why: "second" },
    });
    await deadLetters.completeMessage(dead);
  });

  test("dead-letter with a reason, DLQ resend", async () => {
    const { sender, receiver, deadLetters, inspect } = open("deadletters");
    await sender.sendMessages({ body: { step: "build" }, messageId: "d" });
    const options = { deadLetterReason: "bad", deadLetterErrorDescription: "not a policy", step: 3 };
    await receiver.deadLetterMessage(await receiveOne(receiver), options);
    expect(inspect()).toEqual({ ...EMPTY, deadLetter: 1 });
    const dead = await receiveOne(deadLetters);
    expect(dead).toMatchObject({ deadLetterReason: "bad", deadLetterErrorDescription: "not a policy" });
    expect(dead.applicationProperties).toMatchObject({ step: 3 });
    await sender.sendMessages({ body: dead.body, messageId: "d-again" });
    await deadLetters.completeMessage(dead);
    const resent = await receiveOne(receiver);
    expect(resent).toMatchObject({ body: { step: "build" }, messageId: "d-again" });
    await receiver.completeMessage(resent);
    expect(inspect()).toEqual(EMPTY);
  });

  test("defer, receive deferred, complete", async () => {
    const { sender, receiver, inspect } = open("defers");
    await sender.sendMessages({ body: "later", messageId: "d" });
    const message = await receiveOne(receiver);
    await receiver.deferMessage(message, { note: "x" });
    expect(inspect()).toEqual({ ...EMPTY, deferred: 1 });
    const [deferred] = await receiver.receiveDeferredMessages(message.sequenceNumber ?? []);
    expect(deferred).toMatchObject({ body: "later", state: "deferred", applicationProperties: { note: "x" } });
    if (deferred) await receiver.completeMessage(deferred);
    expect(inspect()).toEqual(EMPTY);
    await expect(receiver.receiveDeferredMessages(message.sequenceNumber ?? [])).rejects.toMatchObject({
      code: "MessageNotFound",
    });
  });

  test("what was received as deferred is settled over the management link, every way there is", async () => {
    const { sender, receiver, deadLetters, inspect } = open("settles");
    await sender.sendMessages({ body: 1, messageId: "s" });
    const message = await receiveOne(receiver);
    await receiver.deferMessage(message);
    const receiveDeferred = async () => {
      const [deferred] = await receiver.receiveDeferredMessages(message.sequenceNumber ?? []);
      if (deferred === undefined) throw new Error("the deferred message is gone");
      return deferred;
    };
    await receiver.abandonMessage(await receiveDeferred(), { why: "busy" });
    expect(inspect()).toEqual({ ...EMPTY, deferred: 1 });
    const again = await receiveDeferred();
    expect(again).toMatchObject({ deliveryCount: 1, applicationProperties: { why: "busy" } });
    await receiver.deferMessage(again);
    await receiver.deadLetterMessage(await receiveDeferred(), {
      deadLetterReason: "bad",
      deadLetterErrorDescription: "d",
    });
    expect(await receiveOne(deadLetters)).toMatchObject({ deadLetterReason: "bad", deadLetterErrorDescription: "d" });
  });

  test("lock lost: settling fails and the message comes again", async () => {
    const { sender, inspect } = open("expires");
    const receiver = started.client.createReceiver("expires", { maxAutoLockRenewalDurationInMs: 0 });
    await sender.sendMessages({ body: 1, messageId: "e" });
    const message = await receiveOne(receiver);
    await vi.waitFor(() => expect(inspect()).toEqual({ ...EMPTY, active: 1 }), { timeout: 2000 });
    await expect(receiver.completeMessage(message)).rejects.toMatchObject({ code: "MessageLockLost" });
    await expect(receiver.renewMessageLock(message)).rejects.toMatchObject({ code: "MessageLockLost" });
    const again = await receiveOne(receiver);
    expect(again.deliveryCount).toBe(1);
    await receiver.completeMessage(again);
    await receiver.close();
  });

  test("a lock that is renewed, by hand or by the SDK, outlives its duration", async () => {
    const { sender, receiver, inspect } = open("renews");
    const byHand = started.client.createReceiver("renews", { maxAutoLockRenewalDurationInMs: 0 });
    await sender.sendMessages([
      { body: 1, messageId: "r1" },
      { body: 2, messageId: "r2" },
    ]);
    const [one, other] = [await receiveOne(receiver), await receiveOne(byHand)];
    const longAfter = Date.now() + 700;
    const renew = async () => {
      const lockedUntil = await byHand.renewMessageLock(other);
      expect(lockedUntil.getTime() - Date.now()).toBeGreaterThan(200);
      expect(Date.now()).toBeGreaterThan(longAfter);
    };
    await vi.waitFor(renew, { interval: 100, timeout: 2000 });
    expect(inspect()).toEqual({ ...EMPTY, locked: 2 });
    await receiver.completeMessage(one);
    await byHand.completeMessage(other);
    expect(inspect()).toEqual(EMPTY);
  });

  test("time to live: an expired message is dead-lettered", async () => {
    const { sender, deadLetters, inspect } = open("lives");
    await sender.sendMessages({ body: 1, messageId: "t", timeToLive: 3_600_000 });
    await vi.waitFor(() => expect(inspect()).toEqual({ ...EMPTY, deadLetter: 1 }), { timeout: 2000 });
    expect(await receiveOne(deadLetters)).toMatchObject({
      deadLetterReason: "TTLExpiredException",
      deadLetterSource: "lives",
    });
  });
});

describe("schedule and peek", () => {
  test("schedule, cancelSchedule, and a scheduled time on an ordinary send", async () => {
    const { sender, receiver, inspect } = open("schedules");
    const soon = (milliseconds: number) => new Date(Date.now() + milliseconds);
    const [first] = await sender.scheduleMessages({ body: "scheduled", messageId: "s1" }, soon(2_500));
    const [second = []] = [await sender.scheduleMessages([{ body: "never", messageId: "s2" }], soon(2_000))];
    await sender.sendMessages({ body: "sent", messageId: "s3", scheduledEnqueueTimeUtc: soon(1_500) });
    expect(first?.toNumber()).toBe(1);
    expect(inspect()).toEqual({ ...EMPTY, scheduled: 3 });
    const [peeked] = await receiver.peekMessages(1);
    expect(peeked).toMatchObject({ state: "scheduled", body: "scheduled" });
    await sender.cancelScheduledMessages(second);
    await expect(sender.cancelScheduledMessages(second)).rejects.toMatchObject({ code: "MessageNotFound" });
    const messages = [await receiveOne(receiver), await receiveOne(receiver)];
    expect(messages.map(({ body }) => body)).toEqual(["sent", "scheduled"]);
    expect(
      messages.every(
        ({ enqueuedTimeUtc, scheduledEnqueueTimeUtc }) => Number(enqueuedTimeUtc) >= Number(scheduledEnqueueTimeUtc),
      ),
    ).toBe(true);
    expect(inspect()).toEqual({ ...EMPTY, locked: 2 });
  });

  test("peek locks nothing, and goes on where the last peek ended or where it is told", async () => {
    const { sender, receiver, inspect } = open("peeks");
    expect(await receiver.peekMessages(1)).toEqual([]);
    await sender.sendMessages([1, 2, 3].map((body) => ({ body, messageId: `p${body}` })));
    const [first, second] = await receiver.peekMessages(2);
    expect([first?.body, second?.body]).toEqual([1, 2]);
    expect((await receiver.peekMessages(2)).map(({ body }) => body)).toEqual([3]);
    const from = second?.sequenceNumber === undefined ? {} : { fromSequenceNumber: second.sequenceNumber };
    expect((await receiver.peekMessages(5, from)).map(({ body }) => body)).toEqual([2, 3]);
    expect(inspect()).toEqual({ ...EMPTY, active: 3 });
  });
});
