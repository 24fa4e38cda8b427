import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createServiceBusBroker } from "../../../infra/local/service-bus/broker.ts";
import { parseDuration } from "../../../infra/local/service-bus/duration.ts";
import { parseQueueProperties } from "../../../infra/local/service-bus/properties.ts";

describe("an ISO 8601 duration", () => {
  test.each([
    ["PT5M", 300_000],
    ["PT1S", 1_000],
    ["PT0.7S", 700],
    ["P14D", 1_209_600_000],
    ["P1DT2H3M4S", 93_784_000],
    ["PT0S", 0],
  ])("%s is %d milliseconds", (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds);
  });

  test.each(["", "P", "PT", "P1Y", "P1M", "P1W", "5M", "PT5", "PT-5M", "P1DT"])("'%s' is refused", (text) => {
    expect(() => parseDuration(text)).toThrow(`'${text}' is not an ISO 8601 duration`);
  });
});

describe("a queue's properties", () => {
  test("the queues of infra/queues.json are understood", () => {
    const queues = JSON.parse(readFileSync(new URL("../../../infra/queues.json", import.meta.url), "utf8"));
    expect(parseQueueProperties("promotions", queues.promotions)).toEqual({
      lockDuration: 30_000,
      maxDeliveryCount: 10,
      requiresDuplicateDetection: true,
      duplicateDetectionHistoryTimeWindow: 600_000,
      defaultMessageTimeToLive: 1_209_600_000,
      deadLetteringOnMessageExpiration: true,
      maxSizeInBytes: 1_073_741_824,
      requiresSession: false,
    });
    expect(() => createServiceBusBroker({ queues, sharedAccessKey: "key" })).not.toThrow();
  });

  test("what is left out has Azure's default", () => {
    expect(parseQueueProperties("q", {})).toEqual({
      lockDuration: 60_000,
      maxDeliveryCount: 10,
      requiresDuplicateDetection: false,
      duplicateDetectionHistoryTimeWindow: 600_000,
      defaultMessageTimeToLive: Number.POSITIVE_INFINITY,
      deadLetteringOnMessageExpiration: false,
      maxSizeInBytes: 1_073_741_824,
      requiresSession: false,
    });
  });

  test.each([
    ["an unknown property", { forwardTo: "other" }, /queue 'build'.*forwardTo/s],
    ["a lock above five minutes", { lockDuration: "PT6M" }, /queue 'build'.*lockDuration/s],
    ["a lock of no time", { lockDuration: "PT0S" }, /lockDuration/],
    ["a duration that is none", { defaultMessageTimeToLive: "14 days" }, /14 days.*defaultMessageTimeToLive/s],
    ["a duplicate window below 20 seconds", { duplicateDetectionHistoryTimeWindow: "PT19S" }, /duplicateDetection/],
    ["a count of no deliveries", { maxDeliveryCount: 0 }, /maxDeliveryCount/],
    ["a size in text", { maxSizeInMegabytes: "1024" }, /maxSizeInMegabytes/],
  ])("%s is refused when the broker is made, by name", (_name, properties, message) => {
    expect(() => parseQueueProperties("build", properties)).toThrow(message);
  });
});
