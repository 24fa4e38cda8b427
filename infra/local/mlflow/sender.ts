import type { Clock } from "./clock.ts";
import type { Header, PreparedDelivery } from "./delivery.ts";
import type { Incoming, Outgoing, Send } from "./transport.ts";

/** One HTTP request of a delivery and what came of it. */
export interface Attempt {
  method: "POST" | "GET";
  url: string;
  /** Epoch milliseconds. */
  sentAt: number;
  /** Undefined when no answer came. */
  status?: number;
  error?: string;
}

/** How a delivery ended for its sender. MLflow takes any last answer for the end, also a 500. */
export type Sent = { kind: "answered"; status: number; body: string } | { kind: "failed"; error: string };

export interface SenderDeps {
  clock: Clock;
  /** 0 up to 1, for the jitter of the delays. */
  random: () => number;
  send: Send;
}

type Result = { answer: Incoming } | { error: string };

const MAX_RETRIES = 3;
const MAX_REDIRECTS = 30;
const TIMEOUT_MILLISECONDS = 30_000;
/** Longest Retry-After that is slept, in seconds (urllib3 2.8). */
const MAX_RETRY_AFTER_SECONDS = 6 * 3600;
const RETRIED = [429, 500, 502, 503, 504];

/**
 * Sends a delivery by MLflow's rules: at most four attempts a hop, at once, after 2–3 s and after 4–5 s or what
 * Retry-After says; redirects are followed, as GET without body after 301, 302 and 303. Rejects only when aborted.
 */
export async function sendDelivery(
  deps: SenderDeps,
  delivery: PreparedDelivery,
  address: string,
  record: (attempt: Attempt) => void,
  signal: AbortSignal,
): Promise<Sent> {
  let outgoing = firstRequest(address, delivery);
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
    const result = await sendHop(deps, outgoing, record, signal);
    if ("error" in result) return { kind: "failed", error: result.error };
    const next = redirected(outgoing, result.answer);
    if (next === undefined) return { kind: "answered", status: result.answer.status, body: result.answer.body };
    outgoing = next;
  }
  return { kind: "failed", error: `Exceeded ${MAX_REDIRECTS} redirects.` };
}

/** Seconds to wait before the next attempt, or why there is none. */
export function retryDelay(
  answer: Incoming | undefined,
  retries: number,
  now: number,
  random: number,
): number | string {
  const usual = retries === 0 ? 0 : 2 ** retries + random;
  const retryAfter = answer?.headers["retry-after"];
  if (retryAfter === undefined) return usual;
  const seconds = readRetryAfter(retryAfter.trim(), now);
  if (seconds === undefined) return `Invalid Retry-After header: ${retryAfter}`;
  return seconds > 0 ? Math.min(seconds, MAX_RETRY_AFTER_SECONDS) : usual;
}

async function sendHop(
  deps: SenderDeps,
  outgoing: Outgoing,
  record: (attempt: Attempt) => void,
  signal: AbortSignal,
): Promise<Result> {
  for (let retries = 0; ; retries += 1) {
    const result = await attempt(deps, outgoing, record, signal);
    if (retries === MAX_RETRIES || !isRetried(outgoing, result)) return result;
    const answer = "answer" in result ? result.answer : undefined;
    const delay = retryDelay(answer, retries, deps.clock.now(), deps.random());
    if (typeof delay === "string") return { error: delay };
    if (delay > 0) await deps.clock.sleep(delay * 1000, signal);
  }
}

async function attempt(
  deps: SenderDeps,
  outgoing: Outgoing,
  record: (attempt: Attempt) => void,
  signal: AbortSignal,
): Promise<Result> {
  const sent = { method: outgoing.method, url: outgoing.url.href, sentAt: deps.clock.now() };
  const over = new AbortController();
  const stop = AbortSignal.any([signal, over.signal]);
  const timeOut = deps.clock.sleep(TIMEOUT_MILLISECONDS, stop).then(() => {
    throw new Error(`Read timed out. (read timeout=${TIMEOUT_MILLISECONDS / 1000})`);
  });
  try {
    const answer = await Promise.race([deps.send(outgoing, stop), timeOut]);
    record({ ...sent, status: answer.status });
    return { answer };
  } catch (error) {
    signal.throwIfAborted();
    const message = error instanceof Error ? error.message : String(error);
    record({ ...sent, error: message });
    return { error: message };
  } finally {
    over.abort();
    // The race is over: the time limit's own rejection says nothing any more.
    await timeOut.catch(() => undefined);
  }
}

function isRetried(outgoing: Outgoing, result: Result): boolean {
  if ("error" in result) return true;
  if (outgoing.method !== "POST") return false;
  const { status, headers } = result.answer;
  return RETRIED.includes(status) || (status === 413 && headers["retry-after"] !== undefined);
}

function readRetryAfter(text: string, now: number): number | undefined {
  if (/^\d+$/.test(text)) return Number(text);
  const date = /^[A-Za-z]{3,9},? \d{1,2}[ -][A-Za-z]{3}[ -]\d{2,4} \d{1,2}:\d{2}/.test(text)
    ? Date.parse(text)
    : Number.NaN;
  return Number.isNaN(date) ? undefined : (date - now) / 1000;
}

/** User and password in the address become an Authorization header. */
function firstRequest(address: string, delivery: PreparedDelivery): Outgoing {
  const url = new URL(address);
  const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  const basic: Header[] =
    credentials === ":" ? [] : [["Authorization", `Basic ${Buffer.from(credentials).toString("base64")}`]];
  return {
    method: "POST",
    url: withoutCredentials(url),
    headers: [...delivery.headers, ...basic],
    body: delivery.body,
  };
}

/** The request a redirect leads to; undefined when the answer is none. */
function redirected(outgoing: Outgoing, { status, headers }: Incoming): Outgoing | undefined {
  const location = headers["location"];
  if (location === undefined || ![301, 302, 303, 307, 308].includes(status)) return undefined;
  const url = withoutCredentials(new URL(location, outgoing.url));
  const kept = outgoing.headers.filter(([name]) => name !== "Authorization" || url.host === outgoing.url.host);
  if (status === 307 || status === 308) return { ...outgoing, url, headers: kept };
  const bodiless = kept.filter(([name]) => !["Content-Type", "Content-Length"].includes(name));
  return { method: "GET", url, headers: bodiless, body: "" };
}

function withoutCredentials(url: URL): URL {
  const bare = new URL(url);
  bare.username = "";
  bare.password = "";
  return bare;
}
