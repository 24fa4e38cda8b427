import { readFile } from "node:fs/promises";
import { ServiceBusClient } from "@azure/service-bus";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { createDeadLetterDiscard, createDeadLetterList, createDeadLetterReplay } from "../../functions/dead-letters.ts";
import { createServiceBusBroker } from "../../infra/local/service-bus/broker.ts";
import { type App, createApp, type DeadLetterOffice, readConfiguration } from "../../shared/composition.ts";
import { PermanentError, TransientError } from "../../shared/domain/errors.ts";
import { appThat, invocation, request } from "./calls.ts";
import { BUS_KEY, SETTINGS } from "./settings.ts";

const ONE = { place: "poison", queue: "validate", sequenceNumber: "7" } as const;
const LIST = { count: 1, more: false, groups: [] };
const REPORT = { replayed: 1, more: false, letters: [] };
const down = new TransientError("unreachable", "The Service Bus gave no answer.");

type Handler = ReturnType<typeof createDeadLetterList>;

/** The three functions over an office that does as it is told and remembers what it was asked. */
function functions(does: Partial<DeadLetterOffice> = {}) {
  const asked: unknown[] = [];
  const callers: Parameters<App["recordCaller"]>[] = [];
  const office: DeadLetterOffice = {
    list: async (...given) => {
      asked.push(["list", ...given]);
      return LIST;
    },
    replayAll: async (...given) => {
      asked.push(["replayAll", ...given]);
      return REPORT;
    },
    replay: async (...given) => {
      asked.push(["replay", ...given]);
      return { ...ONE, result: "replayed", text: "It was sent to validate again." };
    },
    discard: async (...given) => {
      asked.push(["discard", ...given]);
      return { ...ONE, result: "discarded", text: "It was taken off for good." };
    },
    ...does,
  };
  const app = appThat({
    recordCaller: (...caller) => void callers.push(caller),
    deadLetterOffice: async () => office,
  });
  return { app, asked, callers, ...callsOf(app) };
}

function callsOf(app: App) {
  const call = (handler: Handler, parts: Parameters<typeof request>[0]) =>
    handler(request(parts), invocation().context);
  const post = (handler: Handler) => (body: unknown) =>
    call(handler, { method: "POST", body: { string: typeof body === "string" ? body : JSON.stringify(body) } });
  return {
    get: (query: Record<string, string> = {}) => call(createDeadLetterList(app), { query }),
    replay: post(createDeadLetterReplay(app)),
    discard: post(createDeadLetterDiscard(app)),
  };
}

describe("GET dead-letters", () => {
  test.for<[name: string, query: Record<string, string>, limit: number]>([
    ["lists 20 where nothing is said", {}, 20],
    ["lists as few as 1", { limit: "1" }, 1],
    ["lists as many as 100", { limit: "100" }, 100],
  ])("%s", async ([, query, limit]) => {
    const { get, asked } = functions();
    expect(await get(query)).toEqual({ jsonBody: LIST });
    expect(asked).toEqual([["list", limit]]);
  });

  test.for(["0", "101", "-1", "1.5", "ten", "", " "])("refuses the limit '%s' and reads nothing", async (limit) => {
    const { get, asked } = functions();
    expect(await get({ limit })).toEqual({
      status: 400,
      jsonBody: { error: `limit: "${limit}" was found; say a whole number from 1 to 100.` },
    });
    expect(asked).toEqual([]);
  });
});

describe("POST dead-letters/replay", () => {
  test.for<[name: string, body: object, asked: unknown, answer: unknown]>([
    ["replays one", { ...ONE, by: "Ada" }, ["replay", ONE, "Ada"], { status: 200, jsonBody: { result: "replayed" } }],
    ["replays all", { all: true, by: "Ada" }, ["replayAll", "Ada"], { jsonBody: REPORT }],
    ["only looks at all", { all: true, by: "Ada", dryRun: true }, ["list", 100], { jsonBody: LIST }],
    ["only looks at one", { ...ONE, by: "Ada", dryRun: true }, ["list", 100, ONE], { status: 200, jsonBody: LIST }],
  ])("%s", async ([, body, expected, answer]) => {
    const { replay, asked } = functions();
    expect(await replay(body)).toMatchObject(answer as object);
    expect(asked).toEqual([expected]);
  });

  test("answers 404 where the one that is to be looked at is not there", async () => {
    const { replay } = functions({ list: async () => ({ count: 0, more: false, groups: [] }) });
    expect(await replay({ ...ONE, by: "Ada", dryRun: true })).toMatchObject({ status: 404 });
  });

  test.for<[result: "kept" | "gone" | "failed", status: number]>([
    ["kept", 409],
    ["gone", 404],
    ["failed", 503],
  ])("tells what was not replayed from what was: %s is %d", async ([result, status]) => {
    const { replay } = functions({ replay: async () => ({ ...ONE, result, text: "why" }) });
    expect(await replay({ ...ONE, by: "Ada" })).toEqual({ status, jsonBody: { ...ONE, result, text: "why" } });
  });
});

test("POST dead-letters/discard takes one off", async () => {
  const { discard, asked } = functions();
  expect(await discard({ ...ONE, by: "Ada" })).toMatchObject({ status: 200, jsonBody: { result: "discarded" } });
  expect(asked).toEqual([["discard", ONE, "Ada"]]);
});

test.for(["replay", "discard"] as const)(
  "%s without a name is refused, names the field, and does nothing",
  async (name) => {
    const called = functions();
    expect(await called[name](ONE)).toEqual({
      status: 400,
      jsonBody: { error: "by: nothing was found; say who asks, in 1 to 100 characters." },
    });
    expect((await called[name]("{")).status).toBe(400);
    expect(called.asked).toEqual([]);
  },
);

test.for([down, new PermanentError("configuration-wrong", "The Service Bus refused what was asked.")])(
  "a bus that does not answer is a 503 that says so: $name",
  async (error) => {
    const fail = () => Promise.reject(error);
    const { get, replay, discard } = functions({ list: fail, replay: fail, replayAll: fail, discard: fail });
    const answers = [await get(), await replay({ all: true, by: "Ada" }), await discard({ ...ONE, by: "Ada" })];
    for (const answer of answers) expect(answer).toEqual({ status: 503, jsonBody: { error: error.message } });
  },
);

test("a defect is not hidden", async () => {
  const defect = new RangeError("a defect");
  await expect(functions({ list: () => Promise.reject(defect) }).get()).rejects.toBe(defect);
});

test("who called is recorded, refused or not", async () => {
  const { get, replay, discard, callers } = functions();
  await get({ code: "a-key", limit: "0" });
  await replay({});
  await discard({});
  expect(callers.map(([what, , key]) => [what, key])).toEqual([
    ["dead-letters", "a-key"],
    ["dead-letters/replay", null],
    ["dead-letters/discard", null],
  ]);
});

test("the app shows, replays and discards what lies on the bus, though no table answers", {
  timeout: 15_000,
}, async () => {
  const file = new URL("../../infra/queues.json", import.meta.url);
  const queues = z.record(z.string(), z.record(z.string(), z.any())).parse(JSON.parse(await readFile(file, "utf8")));
  const broker = createServiceBusBroker({ queues, sharedAccessKey: BUS_KEY });
  await broker.listen();
  onTestFinished(() => broker.close());
  const client = new ServiceBusClient(broker.connectionString);
  const sender = client.createSender("poison");
  const body = { target: "churn", generation: 7, sequence: 3 };
  const messages = [{ queue: "validate", messageId: "churn.7/3", reason: "refused: no.", body }, { hello: 1 }];
  for (const message of messages) await sender.sendMessages({ body: message });
  await client.close();
  const app = createApp(
    readConfiguration(import.meta.dirname, { ...SETTINGS, ServiceBusConnection: broker.connectionString }),
  );
  const { get, replay, discard } = callsOf(app);
  expect((await get()).jsonBody).toMatchObject({
    count: 2,
    groups: [
      { cause: "refused", letters: [{ queue: "validate", wouldDo: { code: "unknown" } }] },
      { cause: "unreadable", letters: [{ queue: "poison", wouldDo: { code: "unreadable" } }] },
    ],
  });
  expect((await replay({ all: true, by: "Ada" })).jsonBody).toMatchObject({
    replayed: 1,
    letters: [{ result: "replayed", sentAs: "churn.7/3/replay-p1" }, { result: "kept" }],
  });
  expect(await discard({ place: "poison", queue: "poison", sequenceNumber: "2", by: "Ada" })).toMatchObject({
    status: 200,
  });
  expect((await get()).jsonBody).toEqual({ count: 0, more: false, groups: [] });
  expect(broker.inspect("validate")).toMatchObject({ active: 1 });
});
