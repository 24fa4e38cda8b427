import { describe, expect, test } from "vitest";
import { fromFunctionMetadata } from "../../../infra/local/functions-host/registered-function.ts";

const handler = () => undefined;
const RETURN = { $return: { type: "http", direction: "out" } };

/** As `@azure/functions` 4.16.5 registers a function with this trigger. */
const register = (trigger: Readonly<Record<string, unknown>>, more: Readonly<Record<string, unknown>> = {}) =>
  fromFunctionMetadata({ name: "jobs", bindings: { trigger0: { direction: "in", ...trigger }, ...more } }, handler);

const queue = { type: "serviceBusTrigger", connection: "C", queueName: "q" };

describe("what the library registers is read", () => {
  test("for an HTTP function, whose route is its name unless it says another", () => {
    const http = { type: "httpTrigger", methods: ["GET", "post"], authLevel: "function" };
    expect(register(http, RETURN)).toMatchObject({
      name: "jobs",
      triggerName: "trigger0",
      trigger: { kind: "http", route: "jobs", methods: ["GET", "POST"], authLevel: "function" },
    });
    expect(register({ ...http, route: "a/{b}" }, RETURN).trigger).toMatchObject({ route: "a/{b}" });
  });

  test("for a queue function, which leaves it to host.json to complete unless it says so itself", () => {
    expect(register(queue).trigger).toEqual({
      kind: "serviceBusQueue",
      connection: "C",
      queueName: "q",
      autoCompleteMessages: undefined,
    });
    const own = {
      ...queue,
      autoCompleteMessages: false,
      cardinality: "one",
      isSessionsEnabled: false,
      sdkBinding: false,
    };
    expect(register(own).trigger).toMatchObject({ autoCompleteMessages: false });
  });

  test("for a timer, which is monitored unless it says otherwise", () => {
    const timer = { type: "timerTrigger", schedule: "0 0 2 * * *" };
    expect(register(timer).trigger).toEqual({
      kind: "timer",
      schedule: "0 0 2 * * *",
      runOnStartup: false,
      useMonitor: true,
    });
  });
});

describe("what the local host does not run is refused by the function's name", () => {
  const cases: readonly [what: string, make: () => unknown, reason: string][] = [
    ["a storage queue", () => register({ type: "queueTrigger" }), "trigger type queueTrigger"],
    ["a blob", () => register({ type: "blobTrigger" }), "trigger type blobTrigger"],
    ["a topic", () => register({ ...queue, queueName: undefined, topicName: "t" }), "queueName"],
    ["sessions", () => register({ ...queue, isSessionsEnabled: true }), "isSessionsEnabled"],
    ["batches", () => register({ ...queue, cardinality: "many" }), "cardinality"],
    ["messages of the SDK", () => register({ ...queue, sdkBinding: true }), "sdkBinding"],
    ["an output", () => register(queue, { out0: { type: "table", direction: "out" } }), "output binding type table"],
    [
      "a returned output",
      () => register(queue, { $return: { type: "queue", direction: "out" } }),
      "output binding type queue",
    ],
    ["an input", () => register(queue, { in0: { type: "blob", direction: "in" } }), "input binding type blob"],
    [
      "a retry policy",
      () => fromFunctionMetadata({ name: "jobs", bindings: {}, retryOptions: { maxRetryCount: 1 } }, handler),
      "a retry policy",
    ],
  ];
  test.for(cases)("%s", ([, make, reason]) => {
    expect(make).toThrow(/^Function "jobs": /);
    expect(make).toThrow(reason);
  });
});
