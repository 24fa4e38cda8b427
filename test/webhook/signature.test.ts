import { describe, expect, test } from "vitest";
import { verifySignature } from "../../shared/webhook/signature.ts";
import {
  computedDeliveries,
  NOW,
  type RecordedDelivery,
  received,
  recordedDeliveries,
  SECRET,
  signedHeaders,
} from "./deliveries.ts";

const BODY = Buffer.from('{"entity": "model_version"}');

const verify = ({ headers, rawBody, secret, now }: Omit<RecordedDelivery, "name" | "valid">) =>
  verifySignature(received(headers), rawBody, [secret ?? SECRET], now);

describe("deliveries recorded from a real server", () => {
  test.each(recordedDeliveries().filter(({ valid }) => valid === true))("$name is authentic", (delivery) => {
    expect(verify(delivery)).toEqual({
      id: delivery.headers["X-MLflow-Delivery-Id"],
      signedAt: Number(delivery.headers["X-MLflow-Timestamp"]) * 1000,
    });
  });

  test.each(recordedDeliveries().filter(({ valid }) => valid !== true))("$name is refused", (delivery) => {
    expect(verify(delivery)).toBeUndefined();
  });

  test("there are some of both", () => {
    const found = recordedDeliveries().map(({ valid }) => valid);
    expect(found).toContain(true);
    expect(found).toContain(false);
    expect(found).toContain(null);
  });
});

test.each(computedDeliveries("oss"))("$name is judged as recorded", (delivery) => {
  expect(verify(delivery) !== undefined).toBe(delivery.valid);
});

test.each(computedDeliveries("databricks"))("$name is another registry's and refused", (delivery) => {
  expect(verify(delivery)).toBeUndefined();
});

describe("every single flipped bit is refused", () => {
  const samples = recordedDeliveries().filter(({ name }) =>
    ["alias-created-champion", "model-version-tag-set-unicode-value", "model-version-created-unicode-name"].includes(
      name,
    ),
  );

  test("of three deliveries", () => expect(samples).toHaveLength(3));

  test.each(samples)("in the body of $name", (delivery) => {
    for (const rawBody of flips(delivery.rawBody)) expect(verify({ ...delivery, rawBody })).toBeUndefined();
  });

  test.each(
    samples.flatMap((delivery) =>
      ["X-MLflow-Delivery-Id", "X-MLflow-Timestamp", "X-MLflow-Signature"].map((header) => ({ ...delivery, header })),
    ),
  )("in $header of $name", ({ header, ...delivery }) => {
    const text = delivery.headers[header] ?? "";
    for (const bytes of flips(Buffer.from(text, "latin1"))) {
      const headers = { ...delivery.headers, [header]: bytes.toString("latin1") };
      expect(verify({ ...delivery, headers })).toBeUndefined();
    }
  });
});

function* flips(bytes: Uint8Array): Generator<Buffer> {
  for (let bit = 0; bit < bytes.byteLength * 8; bit++) {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    yield flipped;
  }
}

describe("the clock may differ by 300 seconds, not more", () => {
  test.each([
    { seconds: -301, authentic: false },
    { seconds: -300, authentic: true },
    { seconds: 0, authentic: true },
    { seconds: 300, authentic: true },
    { seconds: 301, authentic: false },
  ])("signed $seconds s from now", ({ seconds, authentic }) => {
    const headers = signedHeaders(BODY, { timestamp: String(NOW / 1000 + seconds) });
    expect(verifySignature(received(headers), BODY, [SECRET], NOW) !== undefined).toBe(authentic);
  });
});

describe("correctly signed, but not as MLflow writes it", () => {
  test.each([
    { name: "a timestamp with a sign", parts: { timestamp: `+${NOW / 1000}` } },
    { name: "a timestamp with a fraction", parts: { timestamp: `${NOW / 1000}.0` } },
    { name: "a timestamp with an exponent", parts: { timestamp: "1.79e9" } },
    { name: "a hexadecimal timestamp", parts: { timestamp: `0x${(NOW / 1000).toString(16)}` } },
    { name: "a timestamp with a space", parts: { timestamp: ` ${NOW / 1000}` } },
    { name: "a timestamp in other digits", parts: { timestamp: "١٧٩٠٠٠٠٠٠٠" } },
    { name: "an empty timestamp", parts: { timestamp: "" } },
    { name: "a timestamp of 13 digits", parts: { timestamp: String(NOW) } },
    { name: "an empty id", parts: { id: "" } },
    { name: "an id of 129 characters", parts: { id: "i".repeat(129) } },
    { name: "an id with a space", parts: { id: "a b" } },
    { name: "an id with a line break", parts: { id: "a\nb" } },
    { name: "an id that is not ASCII", parts: { id: "ключ" } },
  ])("$name is refused", ({ parts }) => {
    expect(verifySignature(received(signedHeaders(BODY, parts)), BODY, [SECRET], NOW)).toBeUndefined();
  });

  test("an id of 128 characters is taken", () => {
    const id = "i".repeat(128);
    expect(verifySignature(received(signedHeaders(BODY, { id })), BODY, [SECRET], NOW)?.id).toBe(id);
  });
});

describe("another text of the same signature is refused", () => {
  const headers = signedHeaders(BODY);
  const signature = headers["X-MLflow-Signature"] ?? "";
  const base64 = signature.slice(3);
  test.each([
    { name: "no prefix", text: base64 },
    { name: "another prefix", text: `v2,${base64}` },
    { name: "an upper-case prefix", text: `V1,${base64}` },
    { name: "no padding", text: signature.replace(/=+$/, "") },
    { name: "more padding", text: `${signature}=` },
    { name: "white space after it", text: `${signature} ` },
    { name: "the URL alphabet", text: `v1,${Buffer.from(base64, "base64").toString("base64url")}` },
    { name: "hexadecimal", text: `v1,${Buffer.from(base64, "base64").toString("hex")}` },
    { name: "unused bits that are set", text: spareBits(signature) },
    { name: "two of them", text: `${signature} ${signature}` },
    { name: "nothing", text: "" },
  ])("$name", ({ text }) => {
    const changed = { ...headers, "X-MLflow-Signature": text };
    expect(verifySignature(received(changed), BODY, [SECRET], NOW)).toBeUndefined();
  });

  test("only as it was signed it is taken", () => {
    expect(verifySignature(received(headers), BODY, [SECRET], NOW)).toBeDefined();
  });
});

/** Sets a bit that 32 bytes leave unused in the last character of their base64. */
function spareBits(signature: string): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const last = alphabet.indexOf(signature.at(-2) ?? "");
  return `${signature.slice(0, -2)}${alphabet[last + 1]}=`;
}

describe("secrets", () => {
  const headers = received(signedHeaders(BODY));

  test("a previous secret is as good as the current one", () => {
    expect(verifySignature(headers, BODY, ["the-new-secret-in-use", "an-older-one", SECRET], NOW)).toBeDefined();
  });

  test("a secret that is no longer named is refused", () => {
    expect(verifySignature(headers, BODY, ["the-new-secret-in-use"], NOW)).toBeUndefined();
  });

  test("without any secret everything is refused", () => {
    expect(verifySignature(headers, BODY, [], NOW)).toBeUndefined();
  });

  test.each(["X-MLflow-Delivery-Id", "X-MLflow-Timestamp", "X-MLflow-Signature"])(
    "a delivery without %s is refused",
    (name) => {
      const { [name]: _, ...others } = signedHeaders(BODY);
      expect(verifySignature(received(others), BODY, [SECRET], NOW)).toBeUndefined();
    },
  );

  test("headers of the Functions runtime are read whatever their case", () => {
    expect(verifySignature(new Headers(signedHeaders(BODY)), BODY, [SECRET], NOW)).toBeDefined();
  });

  test("a header that was sent twice is refused", () => {
    const twice = new Headers(signedHeaders(BODY));
    twice.append("X-MLflow-Signature", "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    expect(verifySignature(twice, BODY, [SECRET], NOW)).toBeUndefined();
  });
});
