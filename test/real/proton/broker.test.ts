import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createServiceBusBroker, type ServiceBusBroker } from "../../../infra/local/service-bus/broker.ts";

/** The broker against Qpid Proton, which shares no code with rhea or the SDK. */

const PYTHON = "/usr/bin/python3";
const KEY = "c2VjcmV0";
const run = promisify(execFile);

let broker: ServiceBusBroker;
let results: Record<string, unknown>;

beforeAll(async () => {
  await run(PYTHON, ["-c", "import proton"]).catch(() => {
    throw new Error("test:proton needs Qpid Proton: apt-get install -y python3-qpid-proton");
  });
  broker = createServiceBusBroker({ queues: { builds: {} }, sharedAccessKey: KEY });
  await broker.listen();
  const port = /:(\d+);/.exec(broker.connectionString)?.[1] ?? "";
  const { stdout } = await run(PYTHON, [fileURLToPath(new URL("client.py", import.meta.url)), port, KEY], {
    timeout: 60_000,
  });
  results = JSON.parse(stdout);
}, 120_000);

afterAll(() => broker?.close());

test("a link is refused until a token was put", () => {
  expect(results["without_token"]).toContain("amqp:unauthorized-access");
  expect(results["token"]).toEqual({ status: 202, correlation: "request-1" });
});

test("a sent message is accepted", () => {
  expect(results["send"]).toBe("ACCEPTED");
});

test("a received message has the values and the types that were sent, the broker's annotations and a tag of 16 bytes", () => {
  expect(results["message"]).toEqual({
    id: "m1",
    subject: "rollout",
    durable: true,
    priority: 7,
    ttl: 30,
    delivery_count: 0,
    body_is_the_same: true,
    body_kinds: { ulong: "ulong", ubyte: "ubyte", list: "list", symbol: "symbol" },
    properties_are_the_same: true,
    property_kinds: {
      int: "int32",
      ulong: "ulong",
      byte: "byte",
      long: "int",
      text: "str",
      float: "float",
      flag: "bool",
    },
    annotation_kinds: {
      "x-mine": "int32",
      "x-opt-sequence-number": "int",
      "x-opt-enqueue-sequence-number": "int",
      "x-opt-enqueued-time": "timestamp",
      "x-opt-message-state": "int32",
      "x-opt-locked-until": "timestamp",
    },
    sequence_number: 1,
    tag_bytes: 16,
  });
});

test("accept is answered with accepted", () => {
  expect(results["accept"]).toBe("ACCEPTED");
});

test("modified is an abandon: it comes again, counted, with the added properties in their types", () => {
  expect(results["modify"]).toEqual({
    answer: "MODIFIED",
    delivery_count: 1,
    properties: { kept: 5, why: 3 },
    property_kinds: { kept: "ulong", why: "int32" },
  });
});

test("reject is a dead-lettering with its reason", () => {
  expect(results["reject"]).toEqual({
    answer: "REJECTED",
    reason: "bad",
    description: "not a policy",
    source: "builds",
  });
});

test("peek over $management shows the message, and 204 where there is none", () => {
  expect(results["peek"]).toEqual({ status: 200, correlation: "request-1", count: 1, id: "m3", body: "peek me" });
  expect(results["peek_nothing"]).toBe(204);
  expect(broker.inspect("builds")).toEqual({ active: 1, scheduled: 0, locked: 0, deferred: 0, deadLetter: 0 });
});

test("what the broker does not have is refused: an operation, a queue, a message that is too large", () => {
  expect(results["unknown_operation"]).toEqual({ status: 501, condition: "amqp:not-implemented" });
  expect(results["missing_queue"]).toContain("amqp:not-found");
  expect(results["too_large"]).toBe("REJECTED");
});
