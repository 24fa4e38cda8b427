import { beforeEach, describe, expect, it } from "vitest";
import type { MessageBus } from "../../shared/ports/message-bus.ts";

/** A message as a queue's function is handed it. */
export interface Arrived {
  id: string;
  body: unknown;
  /** When it was handed over, epoch milliseconds by the stage's clock. */
  at: number;
}

/** A bus, and the queues behind it; every stage has queues of its own. */
export interface BusStage {
  bus: MessageBus;
  now(): number;
  /** Two queues that nobody else uses. */
  queues: readonly [string, string];
  /** Waits for so many messages and takes them, in the order they came; fails when they do not come. */
  take(queue: string, count: number): Promise<readonly Arrived[]>;
}

const ids = (arrived: readonly Arrived[]) => arrived.map(({ id }) => id);

/** What every message bus owes; run on the fake and on the adapter. */
export function messageBusContract(name: string, open: () => Promise<BusStage>): void {
  describe(`message bus: ${name}`, () => {
    let stage: BusStage;
    let one = "";
    let other = "";
    beforeEach(async () => {
      stage = await open();
      [one, other] = stage.queues;
    });

    it("hands over the body as it was sent", async () => {
      const body = { text: "naïve 日本 🚀\n\u0000'\"", number: 1.5e-9, none: null, list: [[], {}, true], attempt: 0 };
      await stage.bus.send([{ queue: one, id: "a", body }]);
      expect(await stage.take(one, 1)).toMatchObject([{ id: "a", body }]);
    });

    it("sends what the body was when it was sent", async () => {
      const body = { value: "then" };
      const sent = stage.bus.send([{ queue: one, id: "a", body }]);
      await sent;
      body.value = "later";
      expect((await stage.take(one, 1))[0]?.body).toEqual({ value: "then" });
    });

    it("hands over a message once that was sent twice, in one call or in two", async () => {
      const message = { queue: one, id: "a", body: { copy: 1 } };
      await stage.bus.send([message, message]);
      await stage.bus.send([{ ...message, body: { copy: 2 } }]);
      await stage.bus.send([{ queue: one, id: "last", body: {} }]);
      expect(await stage.take(one, 2)).toMatchObject([{ id: "a", body: { copy: 1 } }, { id: "last" }]);
    });

    it("goes on taking a message for the same after it was handed over", async () => {
      await stage.bus.send([{ queue: one, id: "a", body: {} }]);
      await stage.take(one, 1);
      await stage.bus.send([
        { queue: one, id: "a", body: {} },
        { queue: one, id: "last", body: {} },
      ]);
      expect(ids(await stage.take(one, 1))).toEqual(["last"]);
    });

    it("tells ids apart by case and by blanks", async () => {
      for (const id of ["a", "A", "a "]) await stage.bus.send([{ queue: one, id, body: {} }]);
      expect(ids(await stage.take(one, 3))).toEqual(["a", "A", "a "]);
    });

    it("takes the same id in two queues for two messages", async () => {
      await stage.bus.send([
        { queue: one, id: "a", body: 1 },
        { queue: other, id: "a", body: 2 },
      ]);
      expect((await stage.take(one, 1))[0]?.body).toBe(1);
      expect((await stage.take(other, 1))[0]?.body).toBe(2);
    });

    it("sends to several queues in one call, in order within each", async () => {
      await stage.bus.send([
        { queue: one, id: "1", body: {} },
        { queue: other, id: "2", body: {} },
        { queue: one, id: "3", body: {} },
        { queue: other, id: "4", body: {} },
      ]);
      expect(ids(await stage.take(one, 2))).toEqual(["1", "3"]);
      expect(ids(await stage.take(other, 2))).toEqual(["2", "4"]);
    });

    it("hands over a scheduled message not before its time, and others meanwhile", async () => {
      const at = stage.now() + 400;
      await stage.bus.send([
        { queue: one, id: "later", body: {}, at },
        { queue: one, id: "now", body: {} },
      ]);
      const [first, second] = await stage.take(one, 2);
      expect([first?.id, second?.id]).toEqual(["now", "later"]);
      expect(second?.at).toBeGreaterThanOrEqual(at);
    });

    it("takes a scheduled copy for a duplicate too", async () => {
      const at = stage.now() + 200;
      await stage.bus.send([{ queue: one, id: "a", body: 1, at }]);
      await stage.bus.send([{ queue: one, id: "a", body: 2 }]);
      await stage.bus.send([{ queue: one, id: "last", body: 3, at: at + 100 }]);
      expect(await stage.take(one, 2)).toMatchObject([{ body: 1 }, { body: 3 }]);
    });

    it("hands over at once what is scheduled for a time that has passed", async () => {
      await stage.bus.send([{ queue: one, id: "past", body: {}, at: 1 }]);
      expect(ids(await stage.take(one, 1))).toEqual(["past"]);
    });

    it("sends nothing where there is nothing to send", async () => {
      await stage.bus.send([]);
    });

    it("takes ids of 128 characters and refuses longer ones", async () => {
      await stage.bus.send([{ queue: one, id: "i".repeat(128), body: {} }]);
      expect(ids(await stage.take(one, 1))).toEqual(["i".repeat(128)]);
      await expect(stage.bus.send([{ queue: one, id: "i".repeat(129), body: {} }])).rejects.toMatchObject({
        name: "PermanentError",
        code: "unexpected",
      });
    });

    it("refuses a queue that does not exist", async () => {
      await expect(stage.bus.send([{ queue: "no-such-queue", id: "a", body: {} }])).rejects.toMatchObject({
        name: "PermanentError",
        code: "configuration-wrong",
      });
    });

    it("refuses a message that is too large for a queue", async () => {
      await expect(stage.bus.send([{ queue: one, id: "a", body: "x".repeat(300_000) }])).rejects.toMatchObject({
        name: "PermanentError",
        code: "configuration-wrong",
      });
    });

    it("answers a ping", async () => {
      await stage.bus.ping(AbortSignal.timeout(10_000));
    });
  });
}
