import { createHmac } from "node:crypto";
import { boundedFetch } from "../adapters/http/bounded-fetch.ts";
import type { Notifier } from "../ports/notifier.ts";
import { checkTaken } from "./check-taken.ts";

const PREFIX = "whsec_";

/**
 * Posts each ending as JSON, signed as https://www.standardwebhooks.com says: HMAC-SHA256 over
 * `id.timestamp.body` in `webhook-signature: v1,<base64>`. The key is what follows `whsec_` in the secret, from base64;
 * a secret without it is taken as its UTF-8 bytes.
 */
export function createWebhookNotifier(address: URL, secret: string, now: () => number): Notifier {
  const key = secret.startsWith(PREFIX) ? Buffer.from(secret.slice(PREFIX.length), "base64") : secret;
  return {
    notify: async (notification, signal) => {
      const { id, title, lines, data } = notification;
      const body = JSON.stringify({ id, title, text: lines.join("\n"), ...data });
      const timestamp = Math.floor(now() / 1000);
      const signature = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64");
      const answer = await boundedFetch(address, "The notification webhook", {
        method: "POST",
        headers: {
          "content-type": "application/json",
          "webhook-id": id,
          "webhook-timestamp": String(timestamp),
          "webhook-signature": `v1,${signature}`,
        },
        body,
        timeoutMs: 10_000,
        maxBytes: 64 * 1024,
        signal,
      });
      checkTaken("The notification webhook", answer);
    },
  };
}
