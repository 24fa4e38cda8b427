import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

/** The keys of the host; without any, a level is open, as under the Core Tools. */
export interface Keys {
  readonly functionKeys: readonly string[];
  readonly masterKey: string | undefined;
}

/** Whether a request may do what needs this level: its `x-functions-key` header or its `code` parameter counts, the header first. */
export function isAllowed(level: "anonymous" | "function" | "admin", request: PresentedKey, keys: Keys): boolean {
  if (level === "anonymous") return true;
  const master = keys.masterKey === undefined ? [] : [keys.masterKey];
  const accepted = level === "admin" ? master : [...keys.functionKeys, ...master];
  if (accepted.length === 0) return true;
  const header = request.headers["x-functions-key"];
  const presented = (typeof header === "string" ? header : undefined) ?? request.query.get("code") ?? "";
  return accepted.some((key) => isSame(key, presented));
}

export interface PresentedKey {
  readonly headers: IncomingHttpHeaders;
  readonly query: URLSearchParams;
}

function isSame(a: string, b: string): boolean {
  const [left, right] = [a, b].map((text) => createHash("sha256").update(text).digest());
  return left !== undefined && right !== undefined && timingSafeEqual(left, right);
}
