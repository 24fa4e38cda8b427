import { createHmac, timingSafeEqual } from "node:crypto";

/** The headers as they were received; `get` takes lower-case names, as `Headers` does. */
export interface ReceivedHeaders {
  get(name: string): string | null;
}

/** What a good signature vouches for. */
export interface Signed {
  /** The delivery's id: at most 128 visible ASCII characters. */
  id: string;
  /** Epoch milliseconds; the header says whole seconds. */
  signedAt: number;
}

/** A delivery may be this much older or newer than our clock. */
const TOLERANCE_MS = 300_000;
const ID = /^[\x21-\x7e]{1,128}$/;
const SECONDS = /^[0-9]{1,12}$/;

/**
 * What MLflow signs: HMAC-SHA256 over `id.timestamp.` and the raw body, keyed with the secret's UTF-8 bytes, as
 * `v1,` and base64. Any of `secrets` (the current, then the previous ones) may have made it. Undefined: not authentic.
 * https://mlflow.org/docs/latest/ml/webhooks/
 */
export function verifySignature(
  headers: ReceivedHeaders,
  rawBody: Uint8Array,
  secrets: readonly string[],
  now: number,
): Signed | undefined {
  const id = headers.get("x-mlflow-delivery-id") ?? "";
  const timestamp = headers.get("x-mlflow-timestamp") ?? "";
  const signature = headers.get("x-mlflow-signature") ?? "";
  if (!ID.test(id) || !SECONDS.test(timestamp)) return undefined;
  const signedAt = Number(timestamp) * 1000;
  if (Math.abs(now - signedAt) > TOLERANCE_MS) return undefined;
  // Text against text: a decoder would take other spellings of the same bytes. Every secret is tried, found or not.
  const matches = secrets.map((secret) => equal(signature, sign(secret, id, timestamp, rawBody)));
  return matches.includes(true) ? { id, signedAt } : undefined;
}

function sign(secret: string, id: string, timestamp: string, rawBody: Uint8Array): string {
  return `v1,${createHmac("sha256", secret).update(`${id}.${timestamp}.`).update(rawBody).digest("base64")}`;
}

/** In time that depends on the lengths alone. */
function equal(received: string, expected: string): boolean {
  const [a, b] = [Buffer.from(received), Buffer.from(expected)];
  return a.byteLength === b.byteLength && timingSafeEqual(a, b);
}
