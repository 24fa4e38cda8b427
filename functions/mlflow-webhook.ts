import type { HttpRequest, HttpResponseInit, InvocationContext } from "@azure/functions";
import type { App } from "../shared/composition.ts";
import { logged } from "./logged.ts";

/** A delivery is at most this many bytes. */
const MAX_BYTES = 1024 * 1024;
/** MLflow gives up on a value it cannot read: whole seconds. */
const RETRY_AFTER_SECONDS = "30";

/** Takes MLflow's deliveries into the bus; 202 only after the bus has the message. */
export function createMlflowWebhook(app: App) {
  return logged(async (request: HttpRequest, _context: InvocationContext): Promise<HttpResponseInit> => {
    // A redirect turns MLflow's POST into a GET that still carries the signature.
    if (request.method !== "POST") return { status: 405, headers: { allow: "POST" } };
    if (Number(request.headers.get("content-length") ?? 0) > MAX_BYTES) return tooLarge();
    const rawBody = new Uint8Array(await request.arrayBuffer());
    if (rawBody.byteLength > MAX_BYTES) return tooLarge();
    const receipt = await app.receiveDelivery({ rawBody, headers: request.headers });
    switch (receipt.kind) {
      case "refused":
        return { status: 401 };
      case "malformed":
        return { status: 400, jsonBody: { error: receipt.message } };
      case "ignored":
        return { status: 202, jsonBody: { accepted: false, reason: receipt.reason } };
      case "accepted":
        return { status: 202, jsonBody: { accepted: true, promotion: receipt.promotion.id } };
      case "unavailable":
        return { status: 503, headers: { "retry-after": RETRY_AFTER_SECONDS } };
      default:
        return receipt satisfies never;
    }
  });
}

function tooLarge(): HttpResponseInit {
  return { status: 413, jsonBody: { error: `A delivery is at most ${MAX_BYTES} bytes.` } };
}
