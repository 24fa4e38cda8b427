import { createHmac, timingSafeEqual } from "node:crypto";
import type { Clock } from "./clock.ts";
import { malformed, notImplemented, unauthorized } from "./refusal.ts";
import type { Reply, Request } from "./requests.ts";

export const SHARED_ACCESS_KEY_NAME = "RootManageSharedAccessKey";

/**
 * Answers a put-token request to `$cbs` and throws a refusal if the token is not good.
 * Source: https://learn.microsoft.com/rest/api/eventhub/generate-sas-token
 */
export function putToken(request: Request, sharedAccessKey: string, clock: Clock): Reply {
  const { operation, type } = request.properties;
  if (operation !== "put-token") throw notImplemented(`The operation '${String(operation)}'`);
  if (type !== "servicebus.windows.net:sastoken") throw notImplemented(`A token of the type '${String(type)}'`);
  if (typeof request.body !== "string") throw malformed("The token is not text.");
  checkToken(request.body, sharedAccessKey, clock.now());
  return { status: 202 };
}

/** The signature covers the resource exactly as the token spells it, so that part is not decoded. */
function checkToken(token: string, sharedAccessKey: string, now: number): void {
  const fields = new Map(
    token
      .replace(/^SharedAccessSignature /, "")
      .split("&")
      .map((field): [string, string] => [field.slice(0, field.indexOf("=")), field.slice(field.indexOf("=") + 1)]),
  );
  const expected = createHmac("sha256", sharedAccessKey)
    .update(`${fields.get("sr")}\n${fields.get("se")}`)
    .digest();
  const signature = Buffer.from(decodeURIComponent(fields.get("sig") ?? ""), "base64");
  const isSigned = signature.length === expected.length && timingSafeEqual(signature, expected);
  if (!isSigned || fields.get("skn") !== SHARED_ACCESS_KEY_NAME) throw unauthorized("InvalidSignature");
  if (!(Number(fields.get("se")) * 1000 > now)) throw unauthorized("ExpiredToken");
}
