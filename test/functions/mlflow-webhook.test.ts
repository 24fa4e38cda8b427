import { describe, expect, test } from "vitest";
import { createMlflowWebhook } from "../../functions/mlflow-webhook.ts";
import type { App } from "../../shared/composition.ts";
import { appThat, invocation, request } from "./calls.ts";

const MEBIBYTE = 1024 * 1024;
const PROMOTION = {
  id: "delivery-1",
  model: "churn",
  pointer: { kind: "alias", alias: "champion" },
  version: "7",
  wishedAt: 0,
  origin: { kind: "webhook", deliveryId: "delivery-1", event: "model_version_alias.created" },
} as const;

type Received = Awaited<ReturnType<App["receiveDelivery"]>>;

const answering = (receipt: Received) => createMlflowWebhook(appThat({ receiveDelivery: async () => receipt }));
const deliver = (bytes: Uint8Array, headers: Record<string, string> = {}) =>
  request({ method: "POST", body: { bytes }, headers });

describe("what is not a delivery never reaches the app", () => {
  const webhook = createMlflowWebhook(appThat({}));

  test.for(["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])(
    "%s is answered 405 with what is allowed",
    async (method) => {
      const answer = await webhook(request({ method }), invocation().context);
      expect(answer).toEqual({ status: 405, headers: { allow: "POST" } });
    },
  );

  test("a delivery that says it is too large is answered 413 without being read", async () => {
    const large = deliver(new Uint8Array(10), { "content-length": String(MEBIBYTE + 1) });
    const answer = await webhook(large, invocation().context);
    expect(answer.status).toBe(413);
    expect(large.bodyUsed).toBe(false);
  });

  test("a delivery that is larger than it says is answered 413", async () => {
    const large = deliver(new Uint8Array(MEBIBYTE + 1), { "content-length": "10" });
    expect((await webhook(large, invocation().context)).status).toBe(413);
  });
});

test("a delivery of exactly 1 MiB reaches the app byte for byte, with its headers", async () => {
  const bytes = new Uint8Array(MEBIBYTE).map((_, index) => index % 256);
  let received: Parameters<App["receiveDelivery"]>[0] | undefined;
  const webhook = createMlflowWebhook(
    appThat({
      receiveDelivery: async (delivery) => {
        received = delivery;
        return { kind: "refused" };
      },
    }),
  );
  await webhook(deliver(bytes, { "X-MLflow-Delivery-Id": "delivery-1" }), invocation().context);
  expect(Buffer.compare(received?.rawBody ?? new Uint8Array(), bytes)).toBe(0);
  expect(received?.headers.get("x-mlflow-delivery-id")).toBe("delivery-1");
});

describe("each receipt has its answer", () => {
  test.for<[name: string, Received, answer: unknown]>([
    ["a refusal says nothing at all", { kind: "refused" }, { status: 401 }],
    [
      "a malformed body is a 400 that says what is wrong",
      { kind: "malformed", message: "data.version is missing or wrong." },
      { status: 400, jsonBody: { error: "data.version is missing or wrong." } },
    ],
    [
      "what nobody follows is a 202 with the reason",
      { kind: "ignored", reason: "No target follows it." },
      { status: 202, jsonBody: { accepted: false, reason: "No target follows it." } },
    ],
    [
      "a promotion is a 202 with its id",
      { kind: "accepted", promotion: PROMOTION },
      { status: 202, jsonBody: { accepted: true, promotion: "delivery-1" } },
    ],
    [
      "a bus that is down is a 503 with whole seconds to wait",
      { kind: "unavailable" },
      { status: 503, headers: { "retry-after": "30" } },
    ],
  ])("%s", async ([, receipt, answer]) => {
    expect(await answering(receipt)(deliver(Buffer.from("{}")), invocation().context)).toEqual(answer);
  });
});
