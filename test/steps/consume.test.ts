import { describe, expect, it } from "vitest";
import { z } from "zod";
import { PermanentError, TransientError } from "../../shared/domain/errors.ts";
import { createConsumer } from "../../shared/steps/consume.ts";
import { createFakeBus } from "../fakes/fake-bus.ts";

const START = 1_790_000_000_000;
const schema = z.object({ target: z.string(), generation: z.number() });
const MESSAGE = { target: "churn", generation: 7 };
const busy = new TransientError("unreachable", "MLflow gave no answer.");

/** A consumer of `validate` whose handler does as it is told, on a bus in memory. */
function setUp(handle: (message: z.infer<typeof schema>) => Promise<void> = async () => undefined) {
  let time = START;
  const bus = createFakeBus(() => time);
  const logged: { level: string; event: string; fields: Readonly<Record<string, unknown>> }[] = [];
  const dependencies = {
    bus,
    log: (level: string, event: string, fields: Readonly<Record<string, unknown>>) =>
      void logged.push({ level, event, fields }),
    clock: { now: () => time, timeout: (ms: number) => AbortSignal.timeout(ms) },
  };
  const consume = createConsumer(dependencies, "validate", schema, handle);
  /** Hands over what comes due until nothing is left; the delays between, in seconds. */
  const runDry = async (): Promise<readonly number[]> => {
    const delays: number[] = [];
    for (let due = bus.nextAt(); due !== undefined; due = bus.nextAt()) {
      delays.push((due - time) / 1000);
      time = due;
      const message = bus.take(time);
      if (message !== undefined) await consume(message.body, message.id);
    }
    return delays;
  };
  return { bus, logged, consume, runDry, dependencies };
}

describe("a message that can be read", () => {
  it("is handed over as its schema says, and nothing is sent", async () => {
    const handed: unknown[] = [];
    const { bus, consume } = setUp(async (message) => void handed.push(message));
    await consume({ ...MESSAGE, attempt: 3, extra: true }, "id");
    expect(handed).toEqual([MESSAGE]);
    expect(bus.sent()).toEqual([]);
  });
});

describe("a message that cannot be read", () => {
  it.each([
    ["text", "not JSON"],
    ["nothing", undefined],
    ["null", null],
    ["a list", [MESSAGE]],
    ["another object", { hello: 1 }],
    ["a wrong field", { ...MESSAGE, generation: "7" }],
    ["an attempt that is no number", { ...MESSAGE, attempt: "1" }],
    ["an attempt below zero", { ...MESSAGE, attempt: -1 }],
    ["an attempt above the last", { ...MESSAGE, attempt: 71 }],
    ["nested too deeply to be written down", JSON.parse("[".repeat(50_000) + "]".repeat(50_000))],
    ["a good one with such a thing in it", { ...MESSAGE, more: JSON.parse("[".repeat(50_000) + "]".repeat(50_000)) }],
  ])("is set aside with its reason: %s", async (_what, body) => {
    const { bus, consume, logged } = setUp(() => expect.fail("it was handed over"));
    await consume(body, "id");
    expect(bus.sent()).toMatchObject([
      {
        queue: "poison",
        id: "id/poison",
        body: { queue: "validate", messageId: "id", reason: expect.stringMatching(/^unreadable: ./) },
      },
    ]);
    expect(logged).toMatchObject([
      { level: "error", event: "message.poisoned", fields: { messageId: "id", cause: "unreadable" } },
    ]);
  });

  it("leaves only its beginning, and a bounded reason", async () => {
    const { bus, consume } = setUp();
    const fields = Array.from({ length: 5_000 }, (_, index) => [`field-${index}`, "x".repeat(50)]);
    await consume({ ...Object.fromEntries(fields), target: 1 }, "id");
    const kept = z.object({ body: z.string().max(4_096), reason: z.string().max(500) });
    expect(kept.safeParse(bus.poisoned()[0]).success).toBe(true);
  });
});

describe("a message whose handler fails", () => {
  it("is sent again later, with the attempt in its id and in its body", async () => {
    const { bus, consume, logged } = setUp(() => Promise.reject(busy));
    await consume({ ...MESSAGE, extra: true }, "id");
    await consume({ ...MESSAGE, extra: true, attempt: 1 }, "id/retry-1");
    expect(bus.sent()).toEqual([
      { queue: "validate", id: "id/retry-1", body: { ...MESSAGE, extra: true, attempt: 1 }, at: START + 2_000 },
      { queue: "validate", id: "id/retry-2", body: { ...MESSAGE, extra: true, attempt: 2 }, at: START + 4_000 },
    ]);
    expect(logged).toMatchObject([
      { level: "warn", event: "step.rescheduled", fields: { attempt: 1, delayMs: 2_000 } },
      { level: "warn", event: "step.rescheduled", fields: { attempt: 2, delayMs: 4_000 } },
    ]);
  });

  it("leads to one copy however often the same delivery fails", async () => {
    const { bus, consume, runDry } = setUp(() => Promise.reject(busy));
    await consume({ ...MESSAGE, attempt: 69 }, "id/retry-69");
    await consume({ ...MESSAGE, attempt: 69 }, "id/retry-69");
    expect(await runDry()).toHaveLength(1);
    expect(bus.poisoned()).toHaveLength(1);
  });

  it("waits twice as long each time, up to ten minutes, and is set aside after seventy attempts", async () => {
    const { bus, consume, runDry } = setUp(() => Promise.reject(busy));
    await consume(MESSAGE, "id");
    const delays = await runDry();
    expect(delays.slice(0, 11)).toEqual([2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]);
    expect(delays).toHaveLength(70);
    expect(Math.max(...delays)).toBe(600);
    expect(bus.poisoned()).toEqual([
      {
        queue: "validate",
        messageId: "id/retry-70",
        reason: "tried-too-long: TransientError: MLflow gave no answer.",
        body: { ...MESSAGE, attempt: 70 },
      },
    ]);
  });

  it.each([
    [60, 60_000],
    [1, 2_000],
    [86_400, 600_000],
  ])("waits as long as the other side asked, in bounds: %d s", async (retryAfterSeconds, delayMs) => {
    const { bus, consume } = setUp(() =>
      Promise.reject(new TransientError("unreachable", "busy", { retryAfterSeconds })),
    );
    await consume(MESSAGE, "id");
    expect(bus.sent()[0]?.at).toBe(START + delayMs);
  });

  it.each([
    ["an error nobody knows", new Error("what?"), "Error: what?"],
    ["something that is no error", "text", "string"],
  ])("is sent again after %s", async (_what, thrown, reason) => {
    const { bus, consume, logged } = setUp(() => Promise.reject(thrown));
    await consume(MESSAGE, "id");
    expect(bus.sent()).toHaveLength(1);
    expect(logged[0]?.fields["reason"]).toBe(reason);
  });

  it("is set aside at once where trying again is of no use", async () => {
    const refused = new PermanentError("configuration-wrong", "The setting is missing.");
    const { bus, consume } = setUp(() => Promise.reject(refused));
    await consume(MESSAGE, "id");
    expect(bus.sent()).toEqual([
      {
        queue: "poison",
        id: "id/poison",
        body: {
          queue: "validate",
          messageId: "id",
          reason: "refused: PermanentError: The setting is missing.",
          body: MESSAGE,
        },
      },
    ]);
  });

  it("fits into the poison queue however large it is", async () => {
    const { bus, consume } = setUp(() => Promise.reject(new PermanentError("unexpected", "no")));
    await consume({ ...MESSAGE, extra: "x".repeat(262_000) }, "id");
    expect(bus.poisoned()).toHaveLength(1);
    expect(JSON.stringify(bus.poisoned()).length).toBeLessThan(10_000);
  });

  it("keeps ids within what the bus takes, and apart where only their ends differ", async () => {
    const { bus, consume, runDry } = setUp(() => Promise.reject(busy));
    const long = "i".repeat(127);
    await consume({ ...MESSAGE, attempt: 69 }, `${long}a`);
    await consume({ ...MESSAGE, attempt: 69 }, `${long}b`);
    await runDry();
    expect(bus.poisoned()).toHaveLength(2);
    expect(new Set(bus.sent().map(({ queue, id }) => `${queue} ${id}`)).size).toBe(4);
  });
});

describe("a bus that does not answer", () => {
  const down = new TransientError("unreachable", "The Service Bus gave no answer.");
  const withoutBus = (handle: () => Promise<void>) => {
    const { dependencies } = setUp();
    const bus = { ...dependencies.bus, send: () => Promise.reject(down) };
    return createConsumer({ ...dependencies, bus }, "validate", schema, handle);
  };

  it.each<[string, unknown, () => Promise<void>]>([
    ["a message that cannot be read", {}, async () => undefined],
    ["a message whose handler fails", MESSAGE, () => Promise.reject(busy)],
    ["a message that was refused", MESSAGE, () => Promise.reject(new PermanentError("unexpected", "no"))],
  ])("makes the function throw, so that the message comes again: %s", async (_what, body, handle) => {
    await expect(withoutBus(handle)(body, "id")).rejects.toBe(down);
  });

  it("is not asked where the handler succeeded", async () => {
    await withoutBus(async () => undefined)(MESSAGE, "id");
  });
});
