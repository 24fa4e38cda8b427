import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Pointer } from "../../shared/domain/promotion.ts";
import { promotionMessage } from "../../shared/steps/messages.ts";
import { type Receipt, receiveDelivery } from "../../shared/webhook/receive.ts";
import { computedDeliveries, NOW, received, recordedDeliveries, SECRET, signedHeaders } from "./deliveries.ts";

const CHAMPION: Pointer = { kind: "alias", alias: "champion" };
const LAB = [{ model: "lab-model", pointer: CHAMPION }];

/** Receives a body that is correctly signed. */
function receive(body: string | Uint8Array, policies: readonly { model: string; pointer: Pointer }[] = LAB): Receipt {
  const rawBody = typeof body === "string" ? Buffer.from(body) : body;
  return receiveDelivery({ rawBody, headers: received(signedHeaders(rawBody)), policies, secrets: [SECRET], now: NOW });
}

function delivery(entity: string, action: string, data: unknown, more: object = {}): string {
  return JSON.stringify({ entity, action, timestamp: "2026-09-21T14:13:20+00:00", data, ...more });
}

const alias = (name: string, value: string, version: unknown = "7") =>
  delivery("model_version_alias", "created", { name, alias: value, version });

describe("deliveries of a real server", () => {
  const receipts = new Map(
    recordedDeliveries().map(({ name, headers, rawBody, secret, now }) => [
      name,
      receiveDelivery({
        rawBody,
        headers: received(headers),
        policies: [
          ...LAB,
          { model: "lab-model-prod", pointer: { kind: "newest" } },
          { model: "lab-model", pointer: { kind: "tag", key: "stage", value: "production" } },
        ],
        secrets: [secret ?? SECRET],
        now,
      }),
    ]),
  );

  test("an alias that is followed is one promotion, with the delivery's own id and time", () => {
    const recorded = recordedDeliveries().find(({ name }) => name === "alias-created-champion");
    const id = recorded?.headers["X-MLflow-Delivery-Id"];
    expect(receipts.get("alias-created-champion")).toEqual({
      kind: "accepted",
      promotion: {
        id,
        model: "lab-model",
        pointer: CHAMPION,
        version: "1",
        wishedAt: Number(recorded?.headers["X-MLflow-Timestamp"]) * 1000,
        origin: { kind: "webhook", deliveryId: id, event: "model_version_alias.created" },
      },
    });
  });

  test.each([
    ["alias-created-champion-reassigned-v2", "accepted"],
    ["alias-created-champion-rollback-v1", "accepted"],
    ["model-version-created-copy-source--model_version.created", "accepted"],
    ["alias-created-Champion-uppercase", "ignored"],
    ["alias-created-production", "ignored"],
    ["alias-deleted-production", "ignored"],
    ["model-version-tag-deleted", "ignored"],
    ["registered-model-created-plain", "ignored"],
    ["registered-model-created-plain--unicode", "ignored"],
    ["prompt-alias-created", "ignored"],
    ["test-endpoint-model_version_alias.created", "ignored"],
    ["test-endpoint-model_version.created", "ignored"],
    ["test-endpoint-budget_policy.exceeded", "ignored"],
    ["registered-model-created-plain--nosecret", "refused"],
    ["retry-r302-landed-GET", "refused"],
  ])("%s is %s", (name, kind) => {
    expect(receipts.get(name)?.kind).toBe(kind);
  });

  test("none is malformed", () => {
    expect([...receipts.values()].filter(({ kind }) => kind === "malformed")).toEqual([]);
  });

  test("MLflow's own test delivery says which model nobody follows", () => {
    expect(receipts.get("test-endpoint-model_version_alias.created")).toEqual({
      kind: "ignored",
      reason: "No target follows the alias example_alias of example_model.",
    });
  });
});

describe("each kind of pointer", () => {
  test.each<{ name: string; body: string; pointer: Pointer }>([
    { name: "an alias", body: alias("m", "champion"), pointer: CHAMPION },
    {
      name: "a tag",
      body: delivery("model_version_tag", "set", { name: "m", version: "7", key: "deploy", value: "produção ✅" }),
      pointer: { kind: "tag", key: "deploy", value: "produção ✅" },
    },
    {
      name: "the newest version",
      body: delivery("model_version", "created", { name: "m", version: "7", source: "s", run_id: null, tags: {} }),
      pointer: { kind: "newest" },
    },
  ])("$name is followed by its own policy only", ({ body, pointer }) => {
    expect(receive(body, [{ model: "m", pointer }])).toMatchObject({
      kind: "accepted",
      promotion: { pointer, version: "7" },
    });
    expect(receive(body, [{ model: "other", pointer }]).kind).toBe("ignored");
    const others: Pointer[] = [
      { kind: "alias", alias: "another" },
      { kind: "tag", key: "deploy", value: "staging" },
    ];
    for (const other of others) expect(receive(body, [{ model: "m", pointer: other }]).kind).toBe("ignored");
  });

  test("a delivery that several targets follow is still one promotion", () => {
    expect(receive(alias("lab-model", "champion"), [...LAB, ...LAB])).toMatchObject({ kind: "accepted" });
  });

  test("what is accepted is what the promotions queue takes", () => {
    const longest = "é".repeat(2_000);
    const receipt = receive(alias(longest, longest), [{ model: longest, pointer: { kind: "alias", alias: longest } }]);
    expect(receipt.kind === "accepted" && promotionMessage.parse(receipt.promotion)).toEqual(
      receipt.kind === "accepted" && receipt.promotion,
    );
    expect(receipt.kind).toBe("accepted");
  });
});

test("the workspace a delivery names is not believed, and nothing of the body but the parsed fields goes on", () => {
  const body = delivery(
    "model_version_alias",
    "created",
    { name: "lab-model", alias: "champion", version: "7", more: 1 },
    { workspace: "team-a" },
  );
  const receipt = receive(body);
  expect(receipt.kind).toBe("accepted");
  expect(JSON.stringify(receipt)).not.toMatch(/team-a|more|workspace/);
});

test("events that do not exist yet are ignored, with their name", () => {
  expect(receive(delivery("model_version_stage", "moved", { anything: [] }))).toEqual({
    kind: "ignored",
    reason: "The event model_version_stage.moved promotes nothing.",
  });
});

describe("signed but malformed", () => {
  test.each([
    { name: "nothing", body: "" },
    { name: "no JSON", body: "hello" },
    { name: "NaN", body: "NaN" },
    { name: "null", body: "null" },
    { name: "a list", body: "[]" },
    { name: "a number", body: "1" },
    { name: "JSON that is cut off", body: alias("lab-model", "champion").slice(0, -1) },
    { name: "bytes that are not UTF-8", body: Buffer.concat([Buffer.from('{"entity":"'), Buffer.from([0xff, 0xfe])]) },
    { name: "no entity", body: '{"action": "created", "data": {}}' },
    { name: "an entity that is no word", body: delivery("model version", "created", {}) },
    { name: "no data", body: '{"entity": "model_version_alias", "action": "created"}' },
    { name: "data that is a list", body: delivery("model_version_alias", "created", []) },
    { name: "no alias", body: delivery("model_version_alias", "created", { name: "lab-model", version: "7" }) },
    { name: "a version that is a number", body: alias("lab-model", "champion", 7) },
    { name: "a version that is no number", body: alias("lab-model", "champion", "latest") },
    { name: "a version of 33 digits", body: alias("lab-model", "champion", "1".repeat(33)) },
    { name: "an empty name", body: alias("", "champion") },
    { name: "a name of 2,001 characters", body: alias("n".repeat(2_001), "champion") },
    { name: "a name with half a character", body: alias("n\ud800", "champion") },
  ])("$name", ({ body }) => {
    expect(receive(body).kind).toBe("malformed");
  });

  test("the message says where, and nothing of what was there", () => {
    const secret = "hunter2-in-the-wrong-place";
    expect(receive(alias("lab-model", "champion", secret))).toEqual({
      kind: "malformed",
      message: "data.version is missing or wrong.",
    });
  });
});

test("no body at all makes it throw", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(["malformed", "ignored", "accepted"]).toContain(receive(bytes).kind);
    }),
  );
});

test("no JSON at all makes it throw, and nothing is accepted that no target follows", () => {
  const entity = fc.constantFrom("model_version", "model_version_tag", "model_version_alias", "prompt");
  const action = fc.constantFrom("created", "set", "deleted");
  const field = fc.oneof(fc.string({ unit: "binary" }), fc.jsonValue());
  const data = fc.record({ name: field, version: field, alias: field, key: field, value: field }, { requiredKeys: [] });
  fc.assert(
    fc.property(entity, action, fc.oneof(data, fc.jsonValue()), (one, other, content) => {
      expect(["malformed", "ignored"]).toContain(receive(delivery(one, other, content)).kind);
    }),
    { numRuns: 500 },
  );
});

test.each(computedDeliveries("oss").filter(({ valid }) => valid === false))(
  "$name is refused",
  ({ headers, rawBody, secret, now }) => {
    const receipt = receiveDelivery({
      rawBody,
      headers: received(headers),
      policies: LAB,
      secrets: [secret ?? ""],
      now,
    });
    expect(receipt).toEqual({ kind: "refused" });
  },
);

describe("the loop guard", () => {
  const [recorded] = recordedDeliveries().filter(({ name }) => name === "model-version-tag-set");

  /** The recorded delivery with another tag, signed anew, on a target that follows just that tag. */
  const withTag = (key: string) => {
    const body: { data: { name: string; value: string } } = JSON.parse(Buffer.from(recorded?.rawBody ?? []).toString());
    const { name: model, value } = body.data;
    const pointer: Pointer = { kind: "tag", key, value };
    return receive(JSON.stringify({ ...body, data: { ...body.data, key } }), [{ model, pointer }]);
  };

  test("starts nothing for a tag under Belay's own prefix, even where a target follows it", () => {
    expect(withTag("belay.deployment")).toEqual({
      kind: "ignored",
      reason: "The event model_version_tag.set promotes nothing.",
    });
  });

  test("lets other tags through", () => {
    expect(withTag("belayed")).toMatchObject({ kind: "accepted" });
  });
});
