import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { z } from "zod";

/** One delivery as it came over the wire. */
export interface RecordedDelivery {
  name: string;
  headers: Readonly<Record<string, string>>;
  rawBody: Uint8Array;
  /** Null: the webhook had none. */
  secret: string | null;
  /** Null: it was not signed. */
  valid: boolean | null;
  /** Epoch milliseconds at which it is judged. */
  now: number;
}

const RECORDED = resolve(import.meta.dirname, "../recorded");
const headers = z.record(z.string(), z.string());

const fromServer = z.object({
  deliveries: z.array(
    z.object({
      name: z.string(),
      headers,
      bodyBase64: z.string(),
      secret: z.string().nullable(),
      signatureValid: z.boolean().nullable(),
      arrivedAt: z.number(),
    }),
  ),
});

const fromFacts = z.array(
  z.object({
    name: z.string(),
    source: z.string(),
    headers,
    rawBody: z.string(),
    secret: z.string(),
    valid: z.boolean(),
    verifyAtEpochSeconds: z.number(),
  }),
);

/** Deliveries of a real MLflow 3.17.2 server. */
export function recordedDeliveries(): readonly RecordedDelivery[] {
  return fromServer.parse(readJson("mlflow-deliveries-recorded.json")).deliveries.map((delivery) => ({
    name: delivery.name,
    headers: delivery.headers,
    rawBody: Buffer.from(delivery.bodyBase64, "base64"),
    secret: delivery.secret,
    valid: delivery.signatureValid,
    now: delivery.arrivedAt * 1000,
  }));
}

/** Good and bad deliveries whose signatures were computed; MLflow's own and those of another registry. */
export function computedDeliveries(source: "oss" | "databricks"): readonly RecordedDelivery[] {
  return fromFacts
    .parse(readJson("mlflow-deliveries.json"))
    .filter((delivery) => delivery.source === source)
    .map((delivery) => ({
      name: delivery.name,
      headers: delivery.headers,
      rawBody: Buffer.from(delivery.rawBody),
      secret: delivery.secret,
      valid: delivery.valid,
      now: delivery.verifyAtEpochSeconds * 1000,
    }));
}

/** Reads headers as `Headers` does, but takes any text at all. */
export function received(headers: Readonly<Record<string, string>>) {
  const byName = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  return { get: (name: string) => byName.get(name) ?? null };
}

export const SECRET = "a-secret-of-enough-characters";
export const NOW = 1_790_000_000_000;

/** Signs a body as MLflow does, with what the parts say instead. */
export function signedHeaders(
  rawBody: Uint8Array,
  parts: { id?: string; timestamp?: string; secret?: string } = {},
): Readonly<Record<string, string>> {
  const { id = "6f1f0d1e-3c0e-4b52-9a55-0f6e2a1f7c01", timestamp = String(NOW / 1000), secret = SECRET } = parts;
  const hmac = createHmac("sha256", secret).update(`${id}.${timestamp}.`).update(rawBody);
  return {
    "X-MLflow-Delivery-Id": id,
    "X-MLflow-Timestamp": timestamp,
    "X-MLflow-Signature": `v1,${hmac.digest("base64")}`,
  };
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(resolve(RECORDED, file), "utf8"));
}
