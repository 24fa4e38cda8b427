import { type BoundedAnswer, retryAfterSeconds } from "../adapters/http/bounded-fetch.ts";
import { PermanentError, TransientError } from "../domain/errors.ts";

/** @throws TransientError for what is worth sending again, PermanentError for what was refused. */
export function checkTaken(who: string, { status, headers }: BoundedAnswer): void {
  if (status >= 200 && status < 300) return;
  if (status === 408 || status === 409 || status === 429 || status >= 500)
    throw new TransientError("unreachable", `${who} answered ${status}.`, {
      retryAfterSeconds: retryAfterSeconds(headers),
    });
  throw new PermanentError("configuration-wrong", `${who} refused the notification with ${status}: check its address.`);
}
