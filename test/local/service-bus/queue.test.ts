import { describe, expect, test } from "vitest";
import type { IncomingMessage, QueuedMessage } from "../../../infra/local/service-bus/message.ts";
import { noOperations } from "../../../infra/local/service-bus/operations.ts";
import { parseQueueProperties, type QueueProperties } from "../../../infra/local/service-bus/properties.ts";
import { Queue } from "../../../infra/local/service-bus/queue.ts";
import { createVirtualClock } from "./virtual-clock.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

function setUp(properties: QueueProperties = {}, { timersRun = true } = {}) {
  const virtual = createVirtualClock();
  const clock = timersRun ? virtual : { ...virtual, after: () => () => undefined };
  const operations = noOperations();
  const settings = parseQueueProperties("builds", properties);
  const deadLetterQueue = new Queue<string>({
    name: "builds/$DeadLetterQueue",
    settings: { ...settings, requiresSession: false, requiresDuplicateDetection: false },
    clock,
    operations,
  });
  const queue = new Queue<string>({ name: "builds", settings, clock, operations, deadLetterQueue });
  return { queue, deadLetterQueue, clock, operations };
}

function message(content: string, more: Partial<IncomingMessage<string>> = {}): IncomingMessage<string> {
  return { messageId: content, bytes: 100, content, ...more };
}

function contents(messages: readonly QueuedMessage<string>[]): string[] {
  return messages.map(({ incoming }) => incoming.content);
}

function receive(queue: Queue<string>, sessionId?: string): { received: QueuedMessage<string>; token: string } {
  const received = queue.take("peekLock", sessionId);
  if (received?.lock === undefined) throw new Error("there is no message");
  return { received, token: received.lock.token };
}

describe("send, receive, complete", () => {
  test("messages come in the order they were sent, with sequence numbers from 1", () => {
    const { queue } = setUp();
    expect(queue.enqueue([message("a"), message("b")])).toEqual([1, 2]);
    expect(receive(queue).received).toMatchObject({ sequenceNumber: 1, deliveryCount: 0, state: "active" });
    expect(receive(queue).received.incoming.content).toBe("b");
    expect(queue.take("peekLock")).toBeUndefined();
  });

  test("a completed message is gone", () => {
    const { queue } = setUp();
    queue.enqueue([message("a")]);
    queue.settle(receive(queue).token, { outcome: "complete" });
    expect(queue.counts()).toEqual({ active: 0, scheduled: 0, locked: 0, deferred: 0 });
  });

  test("receive-and-delete takes no lock", () => {
    const { queue } = setUp();
    queue.enqueue([message("a")]);
    expect(queue.take("receiveAndDelete")?.lock).toBeUndefined();
    expect(queue.counts()).toEqual({ active: 0, scheduled: 0, locked: 0, deferred: 0 });
  });

  test("whoever waits is told when a message is available", () => {
    const { queue, clock } = setUp({ lockDuration: "PT1M" });
    let told = 0;
    queue.onAvailable = () => {
      told += 1;
    };
    queue.enqueue([message("a")]);
    receive(queue);
    expect(told).toBe(1);
    clock.advance(MINUTE);
    expect(told).toBe(2);
  });
});

describe("peek", () => {
  test("shows messages in every state, by sequence number, without locking them", () => {
    const { queue, clock } = setUp();
    queue.enqueue([message("a"), message("b"), message("c"), message("d", { scheduledFor: clock.now() + MINUTE })]);
    queue.settle(receive(queue).token, { outcome: "defer" });
    receive(queue);
    expect(contents(queue.peek(1, 10))).toEqual(["a", "b", "c", "d"]);
    expect(queue.peek(1, 10).map(({ state }) => state)).toEqual(["deferred", "active", "active", "scheduled"]);
    expect(contents(queue.peek(3, 1))).toEqual(["c"]);
    expect(queue.counts()).toEqual({ active: 1, scheduled: 1, locked: 1, deferred: 1 });
  });
});

describe("abandon", () => {
  test("abandon with properties: back at its old place, counted, the last value of a property wins", () => {
    const { queue } = setUp();
    queue.enqueue([message("a"), message("b")]);
    queue.settle(receive(queue).token, { outcome: "abandon", properties: [["why", 1]] });
    const { received, token } = receive(queue);
    expect(received).toMatchObject({ sequenceNumber: 1, deliveryCount: 1 });
    queue.settle(token, { outcome: "abandon", properties: [["why", 2]] });
    expect(receive(queue).received.addedProperties).toEqual(new Map([["why", 2]]));
  });

  test("a released message is not counted", () => {
    const { queue } = setUp();
    queue.enqueue([message("a")]);
    queue.settle(receive(queue).token, { outcome: "release" });
    expect(receive(queue).received.deliveryCount).toBe(0);
  });

  test("after maxDeliveryCount deliveries it is dead-lettered and keeps its count and first number", () => {
    const { queue, deadLetterQueue } = setUp({ maxDeliveryCount: 3 });
    queue.enqueue([message("first"), message("a")]);
    queue.settle(receive(queue).token, { outcome: "complete" });
    for (const expected of [0, 1, 2]) {
      const { received, token } = receive(queue);
      expect(received.deliveryCount).toBe(expected);
      queue.settle(token, { outcome: "abandon" });
    }
    expect(queue.take("peekLock")).toBeUndefined();
    expect(receive(deadLetterQueue).received).toMatchObject({
      sequenceNumber: 1,
      enqueuedSequenceNumber: 2,
      deliveryCount: 3,
      deadLetterSource: "builds",
      addedProperties: new Map([
        ["DeadLetterReason", "MaxDeliveryCountExceeded"],
        ["DeadLetterErrorDescription", "Message could not be consumed after 3 delivery attempts."],
      ]),
    });
  });
});

describe("lock lost", () => {
  test("at the end of its lock a message is available again, and counted", () => {
    const { queue, clock } = setUp({ lockDuration: "PT1M" });
    queue.enqueue([message("a")]);
    receive(queue);
    clock.advance(MINUTE - 1);
    expect(queue.counts()).toMatchObject({ active: 0, locked: 1 });
    clock.advance(1);
    expect(queue.counts()).toMatchObject({ active: 1, locked: 0 });
    expect(receive(queue).received.deliveryCount).toBe(1);
  });

  test.each(["complete", "abandon", "defer", "deadLetter"] as const)(
    "%s fails after the end of the lock even if no timer ran",
    (outcome) => {
      const { queue, clock } = setUp({ lockDuration: "PT1M" }, { timersRun: false });
      queue.enqueue([message("a")]);
      const { token } = receive(queue);
      clock.advance(MINUTE);
      expect(() => queue.settle(token, { outcome })).toThrow(
        expect.objectContaining({ status: 410, condition: "com.microsoft:message-lock-lost" }),
      );
      expect(queue.counts()).toMatchObject({ active: 1, locked: 0 });
    },
  );

  test("a renewed lock lasts its whole duration again, and one that is over cannot be renewed", () => {
    const { queue, clock } = setUp({ lockDuration: "PT1M" });
    queue.enqueue([message("a"), message("b")]);
    const { token } = receive(queue);
    receive(queue);
    clock.advance(MINUTE - 1);
    expect(queue.renew(token)).toBe(clock.now() + MINUTE);
    clock.advance(MINUTE - 1);
    expect(queue.counts()).toMatchObject({ active: 1, locked: 1 });
    clock.advance(1);
    expect(() => queue.renew(token)).toThrow(expect.objectContaining({ status: 410 }));
  });

  test("an old token does not settle the next delivery", () => {
    const { queue, clock } = setUp({ lockDuration: "PT1M" });
    queue.enqueue([message("a")]);
    const { token } = receive(queue);
    clock.advance(MINUTE);
    receive(queue);
    expect(() => queue.settle(token, { outcome: "complete" })).toThrow(/lock supplied is invalid/);
    expect(queue.counts().locked).toBe(1);
  });
});

describe("dead-letter", () => {
  test("a receiver's reason goes with the message, and the count stays", () => {
    const { queue, deadLetterQueue } = setUp();
    queue.enqueue([message("a")]);
    const properties: [string, string][] = [["DeadLetterReason", "bad"]];
    queue.settle(receive(queue).token, { outcome: "deadLetter", properties });
    expect(receive(deadLetterQueue).received).toMatchObject({
      deliveryCount: 0,
      addedProperties: new Map([["DeadLetterReason", "bad"]]),
    });
  });

  test("nothing can be dead-lettered out of a dead-letter queue, however often it is delivered", () => {
    const { queue, deadLetterQueue } = setUp({ maxDeliveryCount: 1 });
    queue.enqueue([message("a")]);
    queue.settle(receive(queue).token, { outcome: "deadLetter" });
    deadLetterQueue.settle(receive(deadLetterQueue).token, { outcome: "abandon" });
    const { token } = receive(deadLetterQueue);
    expect(() => deadLetterQueue.settle(token, { outcome: "deadLetter" })).toThrow(/cannot be dead-lettered/);
    expect(deadLetterQueue.counts()).toMatchObject({ active: 0, locked: 1 });
  });
});

describe("defer", () => {
  test("a deferred message is received by number only, and stays deferred when it is given back", () => {
    const { queue, clock } = setUp({ lockDuration: "PT1M", maxDeliveryCount: 1 });
    queue.enqueue([message("a")]);
    queue.settle(receive(queue).token, { outcome: "defer" });
    expect(queue.take("peekLock")).toBeUndefined();
    const [again] = queue.takeDeferred([1], "peekLock");
    expect(again).toMatchObject({ state: "deferred", deliveryCount: 0 });
    clock.advance(MINUTE);
    expect(queue.counts()).toEqual({ active: 0, scheduled: 0, locked: 0, deferred: 1 });
    expect(queue.takeDeferred([1], "receiveAndDelete")[0]?.deliveryCount).toBe(1);
    expect(queue.counts().deferred).toBe(0);
  });

  test("if one of several numbers is unknown, none is received", () => {
    const { queue } = setUp();
    queue.enqueue([message("a")]);
    queue.settle(receive(queue).token, { outcome: "defer" });
    expect(() => queue.takeDeferred([1, 9], "peekLock")).toThrow(expect.objectContaining({ status: 404 }));
    expect(queue.counts()).toMatchObject({ deferred: 1, locked: 0 });
  });
});

describe("schedule", () => {
  test("a scheduled message is invisible until it is due, then gets a new number and its time to live starts", () => {
    const { queue, clock } = setUp({ defaultMessageTimeToLive: "PT1M" });
    const [number] = queue.enqueue([message("later", { scheduledFor: clock.now() + 5 * MINUTE })]);
    queue.enqueue([message("now")]);
    expect(number).toBe(1);
    queue.settle(receive(queue).token, { outcome: "complete" });
    clock.advance(5 * MINUTE - 1);
    expect(queue.take("peekLock")).toBeUndefined();
    clock.advance(1);
    const { received } = receive(queue);
    expect(received).toMatchObject({ sequenceNumber: 3, enqueuedAt: clock.now(), expiresAt: clock.now() + MINUTE });
  });

  test("messages become due in the order of their times", () => {
    const { queue, clock } = setUp();
    queue.enqueue([
      message("second", { scheduledFor: clock.now() + 2 }),
      message("first", { scheduledFor: clock.now() + 1 }),
    ]);
    clock.advance(10);
    expect(contents(queue.peek(1, 10))).toEqual(["first", "second"]);
  });

  test("a time in the past means at once", () => {
    const { queue, clock } = setUp();
    queue.enqueue([message("a", { scheduledFor: clock.now() - 1 })]);
    expect(queue.counts()).toMatchObject({ active: 1, scheduled: 0 });
  });

  test("a wait that no single timer can hold ends when it should", () => {
    const { queue, clock } = setUp();
    queue.enqueue([message("a", { scheduledFor: clock.now() + 60 * DAY })]);
    clock.advance(60 * DAY - 1);
    expect(queue.counts()).toMatchObject({ active: 0, scheduled: 1 });
    clock.advance(1);
    expect(queue.counts()).toMatchObject({ active: 1, scheduled: 0 });
  });

  test("cancelSchedule: by number, all or none, and not when it is due", () => {
    const { queue, clock } = setUp();
    queue.enqueue(["a", "b"].map((name) => message(name, { scheduledFor: clock.now() + MINUTE })));
    expect(() => queue.cancelScheduled([1, 7])).toThrow(expect.objectContaining({ status: 404 }));
    queue.cancelScheduled([1]);
    expect(queue.counts().scheduled).toBe(1);
    clock.advance(MINUTE);
    expect(() => queue.cancelScheduled([2])).toThrow(expect.objectContaining({ status: 404 }));
    expect(contents(queue.peek(1, 10))).toEqual(["b"]);
  });
});

describe("time to live", () => {
  test("an expired message is dead-lettered where the queue says so, without anybody asking", () => {
    const { queue, deadLetterQueue, clock } = setUp({
      defaultMessageTimeToLive: "P14D",
      deadLetteringOnMessageExpiration: true,
    });
    queue.enqueue([
      message("short", { timeToLiveMilliseconds: MINUTE }),
      message("long", { timeToLiveMilliseconds: 90 * DAY }),
    ]);
    clock.advance(MINUTE);
    expect(contents(queue.peek(1, 10))).toEqual(["long"]);
    clock.advance(14 * DAY);
    expect(queue.counts().active).toBe(0);
    expect(deadLetterQueue.counts().active).toBe(2);
    clock.advance(90 * DAY);
    expect(receive(deadLetterQueue).received.addedProperties.get("DeadLetterReason")).toBe("TTLExpiredException");
  });

  test("otherwise it is dropped", () => {
    const { queue, deadLetterQueue, clock } = setUp({ defaultMessageTimeToLive: "PT1M" });
    queue.enqueue([message("a")]);
    clock.advance(MINUTE);
    expect(queue.counts().active).toBe(0);
    expect(deadLetterQueue.counts().active).toBe(0);
  });

  test("a locked message does not expire, but does when it is given back", () => {
    const { queue, deadLetterQueue, clock } = setUp({
      lockDuration: "PT5M",
      defaultMessageTimeToLive: "PT1M",
      deadLetteringOnMessageExpiration: true,
    });
    queue.enqueue([message("a")]);
    const { token } = receive(queue);
    clock.advance(2 * MINUTE);
    expect(queue.counts().locked).toBe(1);
    queue.settle(token, { outcome: "abandon" });
    expect(queue.take("peekLock")).toBeUndefined();
    expect(deadLetterQueue.counts().active).toBe(1);
  });
});

describe("queue dedup", () => {
  const properties = { requiresDuplicateDetection: true, duplicateDetectionHistoryTimeWindow: "PT10M" };

  test("the same id inside the window is dropped in silence, even after the first was completed", () => {
    const { queue, clock, operations } = setUp(properties);
    expect(queue.enqueue([message("a", { messageId: "same" })])).toEqual([1]);
    queue.settle(receive(queue).token, { outcome: "complete" });
    clock.advance(10 * MINUTE - 1);
    expect(queue.enqueue([message("b", { messageId: "same" })])).toEqual([2]);
    expect(queue.counts().active).toBe(0);
    clock.advance(1);
    queue.enqueue([message("c", { messageId: "same" })]);
    expect(contents(queue.peek(1, 10))).toEqual(["c"]);
    expect(operations).toMatchObject({ sent: 2, duplicatesDropped: 1 });
  });

  test("a scheduled copy with the same id is dropped in silence, whichever came first", () => {
    const { queue, clock, operations } = setUp(properties);
    const later = { scheduledFor: clock.now() + 5 * MINUTE };
    queue.enqueue([message("now", { messageId: "one" }), message("copy", { messageId: "one", ...later })]);
    queue.enqueue([message("later", { messageId: "two", ...later }), message("copy", { messageId: "two" })]);
    clock.advance(5 * MINUTE);
    expect(contents(queue.peek(1, 10))).toEqual(["now", "later"]);
    expect(operations).toMatchObject({ sent: 1, scheduled: 1, duplicatesDropped: 2, total: 5 });
  });

  test("without detection the same id is no duplicate", () => {
    const { queue } = setUp({ requiresDuplicateDetection: false });
    queue.enqueue([message("a"), message("a")]);
    expect(queue.counts().active).toBe(2);
  });
});

describe("size", () => {
  const half = { bytes: 600 * 1024 };

  test("a send beyond maxSizeInMegabytes is refused whole; what leaves makes room, what is dead-lettered does not", () => {
    const { queue, deadLetterQueue } = setUp({ maxSizeInMegabytes: 1 });
    const quota = expect.objectContaining({ condition: "amqp:resource-limit-exceeded" });
    expect(() => queue.enqueue([message("a", half), message("b", half)])).toThrow(quota);
    expect(queue.counts().active).toBe(0);
    queue.enqueue([message("a", half)]);
    queue.settle(receive(queue).token, { outcome: "deadLetter" });
    expect(() => queue.enqueue([message("b", half)])).toThrow(quota);
    deadLetterQueue.settle(receive(deadLetterQueue).token, { outcome: "complete" });
    queue.enqueue([message("c", half)]);
    expect(queue.take("receiveAndDelete")?.incoming.content).toBe("c");
    queue.enqueue([message("d", half)]);
  });
});

describe("session receive", () => {
  const properties = { requiresSession: true, lockDuration: "PT1M" };
  const [first, second] = [{ name: "first owner" }, { name: "second owner" }];

  function sent() {
    const made = setUp(properties);
    made.queue.enqueue([
      message("A1", { sessionId: "A" }),
      message("B1", { sessionId: "B" }),
      message("A2", { sessionId: "A" }),
    ]);
    return made;
  }

  test("a message without a session is refused, and with it its whole batch", () => {
    const { queue } = setUp(properties);
    expect(() => queue.enqueue([message("a", { sessionId: "A" }), message("b")])).toThrow(/requires a session id/);
    expect(queue.counts().active).toBe(0);
  });

  test("each session is held by one receiver, which gets its messages in order", () => {
    const { queue } = sent();
    expect(queue.sessions.acquire(undefined, first)).toBe("A");
    expect(() => queue.sessions.acquire("A", second)).toThrow(/locked by another receiver/);
    expect(queue.sessions.acquire(undefined, second)).toBe("B");
    expect(() => queue.sessions.acquire(undefined, {})).toThrow(/No session with messages is free/);
    expect(receive(queue, "A").received.incoming.content).toBe("A1");
    expect(receive(queue, "A").received.incoming.content).toBe("A2");
    expect(queue.take("peekLock", "A")).toBeUndefined();
  });

  test("closing gives its messages back uncounted; running out counts them and tells the owner", () => {
    const { queue, clock } = sent();
    const lost: object[] = [];
    queue.onSessionLost = (owner) => lost.push(owner);
    queue.sessions.acquire("A", first);
    receive(queue, "A");
    queue.sessions.release(first);
    queue.sessions.acquire("A", second);
    const { received, token } = receive(queue, "A");
    expect(received).toMatchObject({ deliveryCount: 0, incoming: { content: "A1" } });
    expect(queue.lockedUntil(received)).toBe(clock.now() + MINUTE);
    clock.advance(MINUTE);
    expect(lost).toEqual([second]);
    expect(() => queue.settle(token, { outcome: "complete" })).toThrow(
      expect.objectContaining({ condition: "com.microsoft:session-lock-lost" }),
    );
    queue.sessions.acquire("A", first);
    expect(receive(queue, "A").received.deliveryCount).toBe(1);
  });

  test("renewing the session keeps its messages locked", () => {
    const { queue, clock } = sent();
    queue.sessions.acquire("A", first);
    const { token } = receive(queue, "A");
    clock.advance(MINUTE - 1);
    expect(queue.sessions.renew("A")).toBe(clock.now() + MINUTE);
    clock.advance(MINUTE - 1);
    expect(() => queue.renew(token)).toThrow(/no lock of its own/);
    queue.settle(token, { outcome: "complete" });
  });

  test("state outlives the lock, and is only for who holds it", () => {
    const { queue } = sent();
    queue.sessions.acquire("A", first);
    queue.sessions.setState("A", Buffer.from("step 1"));
    queue.sessions.release(first);
    expect(() => queue.sessions.getState("A")).toThrow(expect.objectContaining({ status: 410 }));
    queue.sessions.acquire("A", second);
    expect(queue.sessions.getState("A")?.toString()).toBe("step 1");
  });
});

test("operations are counted one per message", () => {
  const { queue, clock, operations } = setUp({ requiresDuplicateDetection: true, maxDeliveryCount: 2 });
  queue.enqueue([message("a"), message("b"), message("a")]);
  queue.enqueue([message("c", { scheduledFor: clock.now() + MINUTE })]);
  queue.renew(receive(queue).token);
  const { token } = receive(queue);
  queue.settle(token, { outcome: "complete" });
  clock.advance(MINUTE);
  queue.settle(receive(queue).token, { outcome: "abandon" });
  expect(operations).toEqual({
    sent: 2,
    scheduled: 1,
    duplicatesDropped: 1,
    received: 3,
    completed: 1,
    abandoned: 1,
    deadLettered: 1,
    renewed: 1,
    total: 10,
  });
});

test("a closed queue leaves no timer", () => {
  const { queue, deadLetterQueue, clock } = setUp({ requiresSession: true, defaultMessageTimeToLive: "P1D" });
  queue.enqueue([message("a", { sessionId: "A" })]);
  queue.sessions.acquire("A", {});
  expect(clock.timers()).toBeGreaterThan(0);
  queue.close();
  deadLetterQueue.close();
  expect(clock.timers()).toBe(0);
});
