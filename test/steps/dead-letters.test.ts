import { describe, expect, it } from "vitest";
import { PermanentError, TransientError } from "../../shared/domain/errors.ts";
import type { MessageBus } from "../../shared/ports/message-bus.ts";
import { createDeadLetterOffice } from "../../shared/steps/dead-letter-office.ts";
import { summarizeDeadLetters } from "../../shared/steps/dead-letters.ts";
import { createFakeBus } from "../fakes/fake-bus.ts";
import { createFakeDeadLetters } from "../fakes/fake-dead-letters.ts";
import { createFakeRegistry } from "../fakes/fake-registry.ts";
import { createFakeStore } from "../fakes/fake-store.ts";

const START = 1_790_000_000_000;
const NEVER = new AbortController().signal;
const down = new TransientError("unreachable", "The Service Bus gave no answer.");

/** Dead letters and a bus in memory; nothing is deployed. */
function setUp(changes: { bus?: Partial<MessageBus> } = {}) {
  let time = START;
  const now = () => time;
  const fakeBus = createFakeBus(now);
  const deadLetters = createFakeDeadLetters(now);
  const store = createFakeStore(now);
  const logged: { level: string; event: string; fields: Readonly<Record<string, unknown>> }[] = [];
  const office = createDeadLetterOffice({
    deadLetters,
    bus: { ...fakeBus, ...changes.bus },
    openReads: async () => ({ store, registry: createFakeRegistry(), policies: [] }),
    clock: { now, timeout: () => NEVER },
    log: (level, event, fields) => void logged.push({ level, event, fields }),
  });
  return {
    office,
    deadLetters,
    store,
    bus: fakeBus,
    logged,
    wait: (ms: number) => {
      time += ms;
    },
  };
}

const BODY = { target: "churn", generation: 7, sequence: 3 };
const letter = (changes: object = {}) => ({
  place: "dead-letter" as const,
  queue: "validate",
  messageId: "churn.7/3",
  body: BODY,
  reason: "MaxDeliveryCountExceeded",
  ...changes,
});
const poison = (changes: object = {}) => letter({ place: "poison" as const, reason: "refused: no.", ...changes });
const unreadable = { body: "not JSON", reason: "unreadable: Invalid input" };

describe("the list", () => {
  it("groups what is set aside by its cause, with what that means", async () => {
    const { office, deadLetters } = setUp();
    deadLetters.put(letter({ messageId: "1" }));
    deadLetters.put(letter({ messageId: "2", reason: "TTLExpiredException" }));
    deadLetters.put(letter({ messageId: "3", queue: "build" }));
    deadLetters.put(poison({ messageId: "4" }));
    deadLetters.put(poison({ messageId: "5", reason: "tried-too-long: TransientError: no." }));
    deadLetters.put(poison({ messageId: "6", ...unreadable }));
    deadLetters.put(letter({ messageId: "7", reason: "HeaderSizeExceeded" }));
    const list = await office.list(10);
    expect(list).toMatchObject({ count: 7, more: false });
    expect(list.groups.map(({ cause, count, letters }) => [cause, count, letters.map((one) => one.messageId)])).toEqual(
      [
        ["delivery-count-exceeded", 2, ["1", "3"]],
        ["expired", 1, ["2"]],
        ["tried-too-long", 1, ["5"]],
        ["refused", 1, ["4"]],
        ["unreadable", 1, ["6"]],
        ["other", 1, ["7"]],
      ],
    );
    for (const { explanation } of list.groups) expect(explanation.length).toBeGreaterThan(80);
  });

  it("shows where each lies, since when and why, and no body", async () => {
    const { office, deadLetters } = setUp();
    deadLetters.put(poison({ body: { ...BODY, secret: "what-only-the-body-says" } }));
    const list = await office.list(10);
    expect(list.groups[0]?.letters).toEqual([
      {
        place: "poison",
        queue: "validate",
        sequenceNumber: "1",
        messageId: "churn.7/3",
        reason: "refused: no.",
        enqueuedAt: "2026-09-21T14:13:20.000Z",
        wouldDo: { code: "nothing", text: "Nothing: there is no deployment churn.7." },
      },
    ]);
    expect(JSON.stringify(list)).not.toContain("what-only-the-body-says");
  });

  it("is empty where nothing is set aside", async () => {
    expect(await setUp().office.list(10)).toEqual({ count: 0, more: false, groups: [] });
  });

  it("says that there are more than it was asked for", async () => {
    const { office, deadLetters } = setUp();
    for (const messageId of ["1", "2", "3"]) deadLetters.put(letter({ messageId }));
    expect(await office.list(2)).toMatchObject({ count: 2, more: true });
    expect(await office.list(3)).toMatchObject({ count: 3, more: false });
  });

  it("can be that of the one that is named", async () => {
    const { office, deadLetters } = setUp();
    deadLetters.put(letter({ messageId: "1" }));
    const second = deadLetters.put(letter({ messageId: "2" }));
    const list = await office.list(100, second);
    expect(list).toMatchObject({ count: 1, groups: [{ letters: [{ messageId: "2" }] }] });
    expect(await office.list(100, { ...second, queue: "build" })).toMatchObject({ count: 0, groups: [] });
  });

  it("shows what lies there even where what would happen takes too long to find out", async () => {
    const { office, deadLetters, store, wait } = setUp();
    for (let index = 0; index < 20; index++) deadLetters.put(letter({ messageId: `${index}` }));
    const { readTarget } = store;
    store.readTarget = async (target) => {
      wait(10_000);
      return readTarget(target);
    };
    const [group] = (await office.list(100)).groups;
    const codes = group?.letters.map(({ wouldDo }) => wouldDo.code);
    expect(codes).toHaveLength(20);
    expect(codes?.slice(-10).every((code) => code === "unknown")).toBe(true);
    expect(codes?.[0]).toBe("nothing");
  });

  it("fails where the bus does not answer: nothing set aside is not assumed", async () => {
    const { office, deadLetters } = setUp();
    deadLetters.list = () => Promise.reject(down);
    await expect(office.list(10)).rejects.toBe(down);
    await expect(office.replayAll("Ada")).rejects.toBe(down);
    await expect(summarizeDeadLetters(deadLetters, NEVER)).rejects.toBe(down);
  });
});

describe("the summary", () => {
  it("counts by cause", async () => {
    const { deadLetters } = setUp();
    for (const made of [letter(), letter(), poison(), poison(unreadable)]) deadLetters.put(made);
    expect(await summarizeDeadLetters(deadLetters, NEVER)).toEqual({
      count: 4,
      byCause: { "delivery-count-exceeded": 2, refused: 1, unreadable: 1 },
    });
  });

  it("is of nothing where nothing is set aside", async () => {
    expect(await summarizeDeadLetters(setUp().deadLetters, NEVER)).toEqual({ count: 0, byCause: {} });
  });
});

describe("a replay", () => {
  it("sends the body as it was to its queue, under an id of its own, with all its tries, and takes the letter off", async () => {
    const { office, deadLetters, bus, logged } = setUp();
    const body = { ...BODY, attempt: 70, extra: { note: "naïve 日本" } };
    const reference = deadLetters.put(poison({ messageId: "churn.7/3/retry-70", body }));
    const result = await office.replay(reference, "Ada");
    const sentAs = "churn.7/3/replay-p1";
    expect(result).toEqual({ ...reference, result: "replayed", text: "It was sent to validate again.", sentAs });
    expect(bus.sent()).toEqual([{ queue: "validate", id: sentAs, body: { ...BODY, extra: { note: "naïve 日本" } } }]);
    expect(deadLetters.all()).toEqual([]);
    expect(logged).toEqual([
      {
        level: "info",
        event: "dead-letter.replayed",
        fields: {
          ...reference,
          sentTo: "validate",
          messageId: "churn.7/3/retry-70",
          sentAs,
          cause: "refused",
          by: "Ada",
        },
      },
    ]);
  });

  it("of what the bus gave up of the queue poison sends what was in it to the queue it was for", async () => {
    const { office, deadLetters, bus } = setUp();
    const body = { queue: "build", messageId: "churn.7/3", reason: "refused: no.", body: BODY };
    const reference = deadLetters.put(letter({ queue: "poison", messageId: "churn.7/3/poison", body }));
    expect((await office.list(10)).groups).toMatchObject([{ cause: "refused" }]);
    expect(await office.replay(reference, "Ada")).toMatchObject({ result: "replayed" });
    expect(bus.sent()).toEqual([{ queue: "build", id: "churn.7/3/replay-x1", body: BODY }]);
  });

  it("of what the bus gave up of the queue poison, and nobody can read, is refused", async () => {
    const { office, deadLetters, bus } = setUp();
    const reference = deadLetters.put(letter({ queue: "poison", body: { hello: 1 } }));
    expect(await office.replay(reference, "Ada")).toMatchObject({ result: "kept" });
    expect(bus.sent()).toEqual([]);
  });

  it("asked for twice finds nothing the second time", async () => {
    const { office, deadLetters, bus } = setUp();
    const reference = deadLetters.put(letter());
    await office.replay(reference, "Ada");
    expect(await office.replay(reference, "Ada")).toMatchObject({
      result: "gone",
      text: expect.stringContaining("not there any more"),
    });
    expect(bus.sent()).toHaveLength(1);
  });

  it("that dies between sending and taking off leaves one message in the queue when it is asked for again", async () => {
    const { office, deadLetters, bus } = setUp();
    const reference = deadLetters.put(letter());
    const { take } = deadLetters;
    deadLetters.take = (asked, handle, signal) =>
      take(
        asked,
        async (one) => {
          await handle(one);
          throw down;
        },
        signal,
      );
    expect(await office.replay(reference, "Ada")).toMatchObject({
      result: "failed",
      text: expect.stringContaining("asking again is harmless"),
    });
    expect(deadLetters.all()).toHaveLength(1);
    deadLetters.take = take;
    expect(await office.replay(reference, "Ada")).toMatchObject({ result: "replayed" });
    expect(bus.sent()).toHaveLength(2);
    expect(bus.take(START)).toBeDefined();
    expect(bus.take(START)).toBeUndefined();
  });

  it("of two letters of the same message sends both", async () => {
    const { office, deadLetters, bus } = setUp();
    deadLetters.put(letter());
    deadLetters.put(poison());
    deadLetters.put(letter());
    expect(await office.replayAll("Ada")).toMatchObject({ replayed: 3 });
    expect([bus.take(START), bus.take(START), bus.take(START)]).not.toContain(undefined);
  });

  it.each([
    ["does not answer", down],
    ["refuses the message", new PermanentError("configuration-wrong", "too large")],
  ])("leaves the letter where it is when the bus %s", async (_what, error) => {
    const { office, deadLetters, logged } = setUp({ bus: { send: () => Promise.reject(error) } });
    const reference = deadLetters.put(letter());
    expect(await office.replay(reference, "Ada")).toMatchObject({ result: "failed" });
    expect(deadLetters.all()).toHaveLength(1);
    expect(logged).toEqual([]);
  });

  it("hides no defect, and leaves the letter where it is", async () => {
    const defect = new RangeError("a defect");
    const { office, deadLetters } = setUp({ bus: { send: () => Promise.reject(defect) } });
    await expect(office.replay(deadLetters.put(letter()), "Ada")).rejects.toBe(defect);
    expect(deadLetters.all()).toHaveLength(1);
  });

  it("of a letter that somebody else has at hand changes nothing", async () => {
    const { office, deadLetters, bus } = setUp();
    const reference = deadLetters.put(letter());
    await deadLetters.take(
      reference,
      async () => expect(await office.replay(reference, "Ada")).toMatchObject({ result: "gone" }),
      NEVER,
    );
    expect(bus.sent()).toEqual([]);
  });
});

describe("a replay of all", () => {
  it("sends what can be read, oldest first, and says what stays and why", async () => {
    const { office, deadLetters, bus } = setUp();
    deadLetters.put(poison({ messageId: "1" }));
    deadLetters.put(poison({ messageId: "2", ...unreadable }));
    deadLetters.put(poison({ messageId: "3" }));
    const report = await office.replayAll("Ada");
    expect(report).toMatchObject({ replayed: 2, more: false });
    expect(report.letters.map(({ sequenceNumber, result }) => [sequenceNumber, result])).toEqual([
      ["1", "replayed"],
      ["2", "kept"],
      ["3", "replayed"],
    ]);
    expect(report.letters[1]?.text).toMatch(/^It stays where it is\. Belay cannot read it: /);
    expect(bus.sent().map(({ id }) => id)).toEqual(["1/replay-p1", "3/replay-p3"]);
    expect(deadLetters.all().map(({ messageId }) => messageId)).toEqual(["2"]);
    expect(await office.replayAll("Ada")).toMatchObject({ replayed: 0, more: false });
  });

  it("takes no more than a hundred, and says that others are left", async () => {
    const { office, deadLetters } = setUp();
    for (let index = 0; index < 101; index++) deadLetters.put(letter({ messageId: `${index}` }));
    expect(await office.replayAll("Ada")).toMatchObject({ replayed: 100, more: true });
    expect(await office.replayAll("Ada")).toMatchObject({ replayed: 1, more: false });
  });

  it("ends in time, and says that others are left", async () => {
    const { office, deadLetters, wait } = setUp({ bus: { send: async () => wait(60_000) } });
    for (let index = 0; index < 10; index++) deadLetters.put(letter({ messageId: `${index}` }));
    expect(await office.replayAll("Ada")).toMatchObject({ replayed: 3, more: true });
    expect(deadLetters.all()).toHaveLength(7);
  });

  it("goes on after one that failed", async () => {
    const { office, deadLetters, bus } = setUp();
    deadLetters.put(letter({ messageId: "1" }));
    deadLetters.put(letter({ messageId: "2" }));
    const { send } = bus;
    let sends = 0;
    const flaky = createDeadLetterOffice({
      deadLetters,
      bus: { ...bus, send: (...given) => (++sends === 1 ? Promise.reject(down) : send(...given)) },
      openReads: () => Promise.reject(down),
      clock: { now: () => START, timeout: () => NEVER },
      log: () => undefined,
    });
    expect((await flaky.replayAll("Ada")).letters.map(({ result }) => result)).toEqual(["failed", "replayed"]);
    expect((await office.replayAll("Ada")).letters.map(({ result }) => result)).toEqual(["replayed"]);
  });
});

describe("discarding", () => {
  it("takes one off for good, whatever it is, and logs who said so", async () => {
    const { office, deadLetters, bus, logged } = setUp();
    deadLetters.put(poison({ messageId: "1" }));
    const reference = deadLetters.put(poison({ messageId: "2", ...unreadable }));
    expect(await office.discard(reference, "Ada")).toMatchObject({ ...reference, result: "discarded" });
    expect(deadLetters.all().map(({ messageId }) => messageId)).toEqual(["1"]);
    expect(bus.sent()).toEqual([]);
    expect(logged).toEqual([
      { level: "warn", event: "dead-letter.discarded", fields: { ...reference, messageId: "2", by: "Ada" } },
    ]);
  });

  it("of what is not there says so and logs nothing", async () => {
    const { office, logged } = setUp();
    const reference = { place: "poison", queue: "poison", sequenceNumber: "1" } as const;
    expect(await office.discard(reference, "Ada")).toMatchObject({ ...reference, result: "gone" });
    expect(logged).toEqual([]);
  });
});
