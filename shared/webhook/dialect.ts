import type { Pointer } from "../domain/promotion.ts";
import type { ReceivedHeaders, Signed } from "./signature.ts";

/** What an authentic delivery says. */
export type Said =
  /** A version was put where a target may follow it. */
  | { kind: "wish"; event: string; model: string; version: string; pointer: Pointer }
  /** Something happened that promotes nothing. */
  | { kind: "other"; event: string }
  /** It cannot be read; the message repeats none of its values. */
  | { kind: "malformed"; message: string };

/** How one registry's webhooks are signed and written. */
export interface Dialect {
  /** Undefined: not authentic. `secrets` are the current, then the previous ones; `now` is epoch milliseconds. */
  verify(headers: ReceivedHeaders, rawBody: Uint8Array, secrets: readonly string[], now: number): Signed | undefined;
  read(rawBody: Uint8Array): Said;
}
