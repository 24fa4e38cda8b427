import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseHostJson } from "../../../infra/local/functions-host/host-json.ts";

const parse = (value: unknown) => parseHostJson(JSON.stringify(value));

test("the project's own host.json is honoured", () => {
  const settings = parseHostJson(readFileSync(join(import.meta.dirname, "../../../host.json"), "utf8"));
  expect(settings).toEqual({
    functionTimeoutMilliseconds: 300_000,
    routePrefix: "api",
    serviceBus: {
      maxConcurrentCalls: 4,
      autoCompleteMessages: true,
      maxAutoLockRenewalMilliseconds: 300_000,
      retry: {
        mode: "exponential",
        tryTimeoutMilliseconds: 15_000,
        delayMilliseconds: 500,
        maxDelayMilliseconds: 8000,
        maxRetries: 3,
      },
    },
    logLevels: { default: "information" },
    ignored: ["extensionBundle", "logging.applicationInsights"],
  });
});

test("what is left out is as in Azure", () => {
  const settings = parse({ version: "2.0" });
  expect(settings).toMatchObject({ functionTimeoutMilliseconds: 1_800_000, routePrefix: "api", ignored: [] });
  expect(settings.serviceBus).toMatchObject({ maxConcurrentCalls: 16, autoCompleteMessages: true });
  expect(settings.serviceBus.retry).toMatchObject({ mode: "exponential", delayMilliseconds: 800, maxRetries: 3 });
});

test("a functionTimeout of -1 is no limit", () => {
  expect(parse({ version: "2.0", functionTimeout: "-1" }).functionTimeoutMilliseconds).toBeUndefined();
});

test.for([
  ["1.00:00:00", 86_400_000],
  ["00:00:00.80", 800],
  ["23:59:59.9999999", 86_400_000],
] as const)("the time span %s is %d ms", ([text, milliseconds]) => {
  expect(parse({ version: "2.0", functionTimeout: text }).functionTimeoutMilliseconds).toBe(milliseconds);
});

test.for(["5 minutes", "5m", "00:60:00", "24:00:00", "00:05", ""])("the time span %j is refused", (text) => {
  expect(() => parse({ version: "2.0", functionTimeout: text })).toThrow("functionTimeout");
});

test("every problem is named with its path, in one error", () => {
  const wrong = {
    version: "1.0",
    concurrency: {},
    logging: { logLevel: { default: "Loud" }, console: {} },
    extensions: {
      durableTask: {},
      serviceBus: { prefetchCount: 5, transportType: "amqpTcp", clientRetryOptions: { delay: 3 } },
    },
  };
  let message = "";
  try {
    parse(wrong);
  } catch (error) {
    message = String(error);
  }
  for (const path of [
    "version",
    "concurrency",
    "logging.logLevel.default",
    "logging.console",
    "extensions.durableTask",
    "extensions.serviceBus.prefetchCount",
    "extensions.serviceBus.transportType",
    "extensions.serviceBus.clientRetryOptions.delay",
  ]) {
    expect(message).toContain(`\n  ${path}: `);
  }
});

test("a file that is not JSON is refused", () => {
  expect(() => parseHostJson("{")).toThrow("host.json is not JSON");
});
