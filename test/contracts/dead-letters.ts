import { beforeEach, describe, expect, it } from "vitest";
import type { DeadLetter, DeadLetterReference, DeadLetters } from "../../shared/ports/dead-letters.ts";

/** Set-aside messages, and the ways in which a message comes to be one; every stage has places of its own. */
export interface DeadLetterStage {
  deadLetters: DeadLetters;
  now(): number;
  /** Two queues that have a function. */
  queues: readonly [string, string];
  /** The bus gives up a message of a queue, which may be `poison`. */
  giveUp(queue: string, message: { id: string; body: unknown; reason: string }): Promise<void>;
  /** A message comes to the queue `poison`, from whomever. */
  sendToPoison(message: { id: string; body: unknown }): Promise<void>;
}

const LIMIT = 50;
const soon = () => AbortSignal.timeout(15_000);
const nothing = async () => undefined;
const ids = (letters: readonly DeadLetter[]) => letters.map(({ messageId }) => messageId);
const body = { target: "churn", generation: 7, sequence: 3, text: "naïve 日本 🚀\n'\"", none: null, list: [[], {}] };

/** What every store of dead letters owes; run on the fake and on the adapter. */
export function deadLettersContract(name: string, open: () => Promise<DeadLetterStage>): void {
  describe(`dead letters: ${name}`, () => {
    let stage: DeadLetterStage;
    let one = "";
    let other = "";
    beforeEach(async () => {
      stage = await open();
      [one, other] = stage.queues;
    });
    const list = (limit = LIMIT) => stage.deadLetters.list(limit, soon());
    const take = (reference: DeadLetterReference, handle: (letter: DeadLetter) => Promise<void> = nothing) =>
      stage.deadLetters.take(reference, handle, soon());
    const giveUp = (queue: string, ...names: readonly string[]) =>
      Promise.all(names.map((id) => stage.giveUp(queue, { id, body: { id }, reason: "MaxDeliveryCountExceeded" })));
    const only = async (): Promise<DeadLetter> => {
      const [letter, ...others] = await list();
      if (letter === undefined || others.length > 0) throw new Error(`there are ${others.length + 1} letters`);
      return letter;
    };
    /** As Belay sets aside. */
    const setAside = (id: string, queue = one) =>
      stage.sendToPoison({ id: `${id}/poison`, body: { queue, messageId: id, reason: "refused: no.", body } });

    it("lists nothing where nothing is set aside", async () => {
      expect(await list()).toEqual([]);
    });

    it("lists what the bus gave up under its queue, with the bus's reason and the body as it was sent", async () => {
      await stage.giveUp(one, { id: "a", body, reason: "TTLExpiredException" });
      expect(await only()).toEqual({
        place: "dead-letter",
        queue: one,
        sequenceNumber: expect.stringMatching(/^[1-9]\d*$/),
        messageId: "a",
        body,
        reason: "TTLExpiredException",
        enqueuedAt: expect.closeTo(stage.now(), -5),
        deliveryCount: expect.any(Number),
      });
    });

    it("lists what Belay set aside under the queue it was for, with Belay's reason", async () => {
      await setAside("a");
      expect(await only()).toMatchObject({
        place: "poison",
        queue: one,
        sequenceNumber: expect.stringMatching(/^[1-9]\d*$/),
        messageId: "a",
        body,
        reason: "refused: no.",
        enqueuedAt: expect.closeTo(stage.now(), -5),
      });
    });

    it.each<[what: string, body: unknown]>([
      ["text", "not from Belay"],
      ["nothing", null],
      ["a list", [1, 2]],
      ["another object", { hello: 1 }],
      ["a queue without a function", { queue: "no-such-queue", messageId: "x", reason: "", body: {} }],
      ["a queue that is a member of every object", { queue: "constructor", messageId: "x", reason: "", body: {} }],
      ["an id that is no text", { queue: "poison", messageId: 7, reason: "", body: {} }],
    ])("lists what somebody else sent to poison as what it is: %s", async (_what, sent) => {
      await stage.sendToPoison({ id: "a", body: sent });
      const letter = await only();
      expect(letter).toMatchObject({ place: "poison", queue: "poison", messageId: "a", body: sent, reason: "" });
      expect(await take(letter)).toBe(true);
    });

    it("lists what the bus gave up of the queue poison", async () => {
      const poison = { queue: one, messageId: "a", reason: "refused: no.", body };
      await stage.giveUp("poison", { id: "a/poison", body: poison, reason: "TTLExpiredException" });
      const letter = await only();
      expect(letter).toMatchObject({ place: "dead-letter", queue: "poison", messageId: "a/poison", body: poison });
      expect(await take(letter)).toBe(true);
      expect(await list()).toEqual([]);
    });

    it("lists the oldest first, of every place some, and no more than it is asked for", async () => {
      for (const id of ["1", "2", "3"]) await giveUp(one, id);
      await giveUp(other, "4");
      await setAside("5");
      expect(ids(await list(3)).sort()).toEqual(["1", "4", "5"]);
      const all = await list();
      expect(ids(all.filter(({ place, queue }) => place === "dead-letter" && queue === one))).toEqual(["1", "2", "3"]);
      expect(all).toHaveLength(5);
    });

    it("lists more than one look brings", async () => {
      const names = Array.from({ length: 23 }, (_, index) => `${index}`);
      for (const id of names) await giveUp(one, id);
      expect(ids(await list())).toEqual(names);
      expect(ids(await list(22))).toEqual(names.slice(0, 22));
    });

    it("looks without taking", async () => {
      await giveUp(one, "a");
      await setAside("b");
      expect(await list()).toEqual(await list());
    });

    it("hands one over and takes it off its place", async () => {
      await giveUp(one, "a", "b");
      const [letter] = await list();
      const handed: DeadLetter[] = [];
      if (letter === undefined) throw new Error("nothing is listed");
      expect(await take(letter, async (taken) => void handed.push(taken))).toBe(true);
      expect(handed).toEqual([letter]);
      expect(await list()).toHaveLength(1);
      expect(await take(letter, () => expect.fail("it is gone"))).toBe(false);
    });

    it("takes one out of the middle and leaves the others as they were", async () => {
      for (const id of ["1", "2", "3", "4", "5"]) await setAside(id);
      const before = await list();
      const [, , third] = before;
      if (third === undefined) throw new Error("nothing is listed");
      expect(await take(third)).toBe(true);
      const left = await list();
      expect(ids(left)).toEqual(["1", "2", "4", "5"]);
      const numbers = before.map(({ sequenceNumber }) => sequenceNumber);
      expect(left.map(({ sequenceNumber }) => sequenceNumber)).toEqual(numbers.toSpliced(2, 1));
    });

    it("leaves it there when the handler throws, and throws the same", async () => {
      await giveUp(one, "a");
      const letter = await only();
      const error = new Error("not now");
      await expect(take(letter, () => Promise.reject(error))).rejects.toBe(error);
      expect(ids(await list())).toEqual(["a"]);
      expect(await take(letter)).toBe(true);
    });

    it("does not hand it over to two at once", async () => {
      await giveUp(one, "a");
      const letter = await only();
      let second: boolean | undefined;
      const first = await take(letter, async () => {
        second = await take(letter, () => expect.fail("somebody else has it at hand"));
      });
      expect({ first, second }).toEqual({ first: true, second: false });
    });

    it.each<[what: string, change: Partial<DeadLetterReference>]>([
      ["another queue", { queue: "build" }],
      ["another place", { place: "poison" }],
      ["a queue that does not exist", { queue: "no-such-queue" }],
      ["the next number", { sequenceNumber: "4000" }],
      ["no number", { sequenceNumber: "1 or 1" }],
      ["a negative number", { sequenceNumber: "-1" }],
      ["a fraction", { sequenceNumber: "1.0" }],
      ["another spelling", { sequenceNumber: "01" }],
      ["a number beyond the largest", { sequenceNumber: "9999999999999999999" }],
      ["nothing", { sequenceNumber: "" }],
    ])("finds nothing under %s", async (_what, change) => {
      await giveUp(one, "a");
      const letter = await only();
      expect(await take({ ...letter, ...change }, () => expect.fail("it is another one"))).toBe(false);
      expect(ids(await list())).toEqual(["a"]);
    });
  });
}
