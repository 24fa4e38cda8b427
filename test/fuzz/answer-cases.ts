import { spoilText, TEXT_KINDS } from "./json-text.ts";
import { changeValue, type Json, VALUE_KINDS } from "./json-value.ts";
import { oddText } from "./odd-text.ts";
import type { Random } from "./random.ts";

/** In what is sent and in what is answered: no error may repeat it. */
export const SECRET = "c2VjcmV0LXRoYXQtbXVzdC1ub3QtYmUtcmVwZWF0ZWQ";

/** An answer as its system would give it; a text is no JSON. */
export interface GoodAnswer {
  status: number;
  headers?: Readonly<Record<string, string>>;
  body: Json | string;
}

/** An answer as it comes over the wire. */
export interface WireAnswer {
  status: number;
  headers: Readonly<Record<string, string>>;
  body: Buffer;
}

/** What comes in place of a good answer, and what was done to it. */
export type Spoiled = { kind: string; answer: WireAnswer } | { kind: "no answer"; error: Error };

const STATUSES = [
  200, 201, 202, 203, 206, 207, 301, 302, 304, 307, 308, 400, 401, 402, 403, 404, 405, 406, 408, 409, 410, 411, 412,
  413, 415, 416, 418, 421, 422, 423, 424, 425, 426, 428, 429, 431, 451, 500, 501, 502, 503, 504, 505, 507, 511, 520,
  599,
];
const PAGE = `<html><head><title>502 Bad Gateway</title></head><body>${SECRET}</body></html>`;

export function toWireAnswer({ status, headers = {}, body }: GoodAnswer): WireAnswer {
  return {
    status,
    headers: { "content-type": typeof body === "string" ? "text/plain" : "application/json", ...headers },
    body: Buffer.from(typeof body === "string" ? body : JSON.stringify(body)),
  };
}

/** Spoils an answer. `others` are good answers to other questions of the same kind. */
export function spoilAnswer(random: Random, good: GoodAnswer, others: readonly Json[]): Spoiled {
  const wire = toWireAnswer(good);
  const choice = random.below(100);
  if (choice < 50) return { kind: "value", answer: { ...wire, body: spoilValue(random, good) } };
  if (choice < 66) {
    const body = spoilText(random, random.pick(TEXT_KINDS), wire.body.toString("utf8"));
    return { kind: "text", answer: { ...wire, body } };
  }
  if (choice < 76) return { kind: "status", answer: { ...wire, status: random.pick(STATUSES) } };
  if (choice < 84) return { kind: "another's", answer: { ...wire, body: another(random, wire, others) } };
  if (choice < 92) return { kind: "an error", answer: anError(random, wire) };
  if (choice < 96) return { kind: "headers", answer: { ...wire, headers: oddHeaders(random, wire) } };
  return { kind: "no answer", error: noAnswer(random) };
}

function spoilValue(random: Random, { body }: GoodAnswer): Buffer {
  const other = () => (random.chance(0.2) ? SECRET : oddText(random));
  // Text is a value too, and so is what it says as YAML or as lines.
  const value = changeValue(random, random.pick(VALUE_KINDS), body, other);
  return Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
}

function another(random: Random, { body }: WireAnswer, others: readonly Json[]): Buffer {
  return others.length === 0 ? body : Buffer.from(JSON.stringify(random.pick(others)));
}

/** An error as one of the systems, or something between, would word it. */
function anError(random: Random, wire: WireAnswer): WireAnswer {
  const status = random.pick(STATUSES.filter((one) => one >= 400));
  const code = random.pick(["RESOURCE_DOES_NOT_EXIST", "ResourceNotFound", "UNAUTHORIZED", oddText(random), SECRET]);
  const body = random.pick<Json | string>([
    { error_code: code, message: SECRET },
    { error: { code, message: SECRET } },
    { "odata.error": { code, message: { lang: "en-US", value: SECRET } } },
    { errors: [{ code, message: SECRET, detail: {} }] },
    { kind: "Status", status: "Failure", code: status, reason: code },
    { error: code },
    PAGE,
    "",
  ]);
  return { ...wire, status, body: Buffer.from(typeof body === "string" ? body : JSON.stringify(body)) };
}

function oddHeaders(random: Random, { headers }: WireAnswer): Readonly<Record<string, string>> {
  return random.pick<Readonly<Record<string, string>>>([
    {},
    {
      ...headers,
      "content-type": random.pick(["text/html", "application/xml", "application/json; charset=utf-16", "x"]),
    },
    { ...headers, "retry-after": random.pick(["-1", "1e9", "99999999999", "Wed, 21 Oct 2015 07:28:00 GMT", SECRET]) },
    { ...headers, location: `https://example.invalid/?sig=${SECRET}` },
    { ...headers, date: random.pick(["never", "Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", ""]) },
    { ...headers, etag: random.pick(["", "*", `W/"${SECRET}"`]) },
    { ...headers, "content-encoding": "gzip" },
    { ...headers, "x-ms-error-code": random.pick([SECRET, "EntityAlreadyExists", "TableNotFound"]) },
  ]);
}

function noAnswer(random: Random): Error {
  const code = random.pick(["ECONNREFUSED", "ECONNRESET", "ENOTFOUND", "EPIPE", "ETIMEDOUT", "CERT_HAS_EXPIRED"]);
  return random.pick<() => Error>([
    () => Object.assign(new Error(`connect ${code} ${SECRET}`), { code }),
    () => new TypeError("fetch failed", { cause: Object.assign(new Error(SECRET), { code }) }),
    () => new DOMException("The operation timed out.", "TimeoutError"),
    () => new DOMException(`aborted ${SECRET}`, "AbortError"),
    () => new Error(SECRET),
  ])();
}
