import { createHmac } from "node:crypto";
import type { RegistryEvent } from "./events.ts";
import { pythonJson } from "./json.ts";

/** A header as it goes on the wire; MLflow's order and spelling are kept. */
export type Header = readonly [name: string, value: string];

/** One delivery's bytes; every attempt sends the same. */
export interface PreparedDelivery {
  /** A UUID, the idempotency key. */
  id: string;
  body: string;
  headers: readonly Header[];
}

/** What a delivery is made from. */
export interface DeliveryInput {
  id: string;
  event: RegistryEvent;
  /** Epoch milliseconds of the sending; becomes the envelope's timestamp and, in whole seconds, the header's. */
  sentAt: number;
  /** Undefined on a server without workspaces. */
  workspace: string | undefined;
  /** Undefined: the delivery is not signed. */
  secret: string | undefined;
}

export function prepareDelivery({ id, event, sentAt, workspace, secret }: DeliveryInput): PreparedDelivery {
  const { entity, action, data } = event;
  const body = pythonJson({ entity, action, timestamp: isoTimestamp(sentAt), data, workspace });
  return { id, body, headers: deliveryHeaders(id, String(Math.floor(sentAt / 1000)), body, secret) };
}

/** The headers MLflow's HTTP client sends after Host, in its order. */
export function deliveryHeaders(
  id: string,
  timestamp: string,
  body: string,
  secret: string | undefined,
): readonly Header[] {
  const signature: Header[] =
    secret === undefined || secret === "" ? [] : [["X-MLflow-Signature", sign(secret, id, timestamp, body)]];
  return [
    ["User-Agent", "python-requests/2.34.2"],
    ["Accept-Encoding", "gzip, deflate"],
    ["Accept", "*/*"],
    ["Connection", "keep-alive"],
    ["Content-Type", "application/json"],
    ["X-MLflow-Delivery-Id", id],
    ["X-MLflow-Timestamp", timestamp],
    ...signature,
    ["Content-Length", String(Buffer.byteLength(body))],
  ];
}

/** HMAC-SHA256 over `id.timestamp.body` with the secret's UTF-8 bytes: `v1,` and base64. */
export function sign(secret: string, id: string, timestamp: string, body: string): string {
  return `v1,${createHmac("sha256", secret).update(`${id}.${timestamp}.${body}`).digest("base64")}`;
}

/** UTC as Python writes it: microseconds, left out when they are zero, and `+00:00`. */
export function isoTimestamp(epochMilliseconds: number): string {
  const [seconds = "", fraction = ""] = new Date(epochMilliseconds).toISOString().slice(0, -1).split(".");
  const micros = Math.floor((epochMilliseconds % 1) * 1000);
  const digits = `${fraction}${String(micros).padStart(3, "0")}`;
  return `${seconds}${Number(digits) === 0 ? "" : `.${digits}`}+00:00`;
}
