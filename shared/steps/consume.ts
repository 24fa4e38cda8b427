import * as z from "zod";
import { type PoisonCause, poisonReason } from "../domain/dead-letter.ts";
import { sha256 } from "../domain/digest.ts";
import { PermanentError, TransientError } from "../domain/errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { MessageBus } from "../ports/message-bus.ts";
import type { Log } from "../ports/telemetry.ts";

/** Attempts before a message is set aside: about ten hours of trying. */
const MAX_ATTEMPTS = 70;
const FIRST_DELAY_MS = 2_000;
const LARGEST_DELAY_MS = 600_000;
/** Longest reason kept with a message that is set aside. */
const MAX_REASON = 500;
/** Largest body kept whole with it, in characters of JSON, so that it fits into a message beside its reason. */
const MAX_KEPT = 32_768;
/** What is kept of any other body. */
const BEGINNING = 4_096;
/** Longest message id that is carried on as it is; with the attempt behind it, it stays below the bus's 128. */
const MAX_ID = 110;

export interface ConsumeDependencies {
  bus: MessageBus;
  log: Log;
  clock: Clock;
}

/** How many times a message has been tried; part of the body, so that it survives a scheduled copy. */
const attempted = z.looseObject({ attempt: z.int().min(0).max(MAX_ATTEMPTS).optional() });

/**
 * Takes messages off one queue. A redelivery has no delay, so what cannot be done now is sent again as a scheduled
 * copy and the message completed; what cannot be read, or was tried too often, goes to `poison` with its reason.
 * Throwing out of here means only: not even the bus answers.
 */
export function createConsumer<T>(
  dependencies: ConsumeDependencies,
  queue: string,
  schema: z.ZodType<T>,
  handle: (message: T) => Promise<void>,
): (body: unknown, messageId: string) => Promise<void> {
  return async (body, messageId) => {
    const text = written(body);
    const envelope = attempted.safeParse(body);
    const parsed = schema.safeParse(body);
    if (text === undefined || !envelope.success || !parsed.success) {
      const why = (envelope.error ?? parsed.error)?.message ?? "it is nested too deeply";
      return setAside(dependencies, { queue, messageId, body: beginning(text ?? "") }, "unreadable", why);
    }
    try {
      await handle(parsed.data);
    } catch (error) {
      await tryLater(dependencies, queue, envelope.data, messageId, error);
    }
  };
}

interface Aside {
  queue: string;
  messageId: string;
  body: unknown;
}

async function setAside(
  { bus, log }: ConsumeDependencies,
  { queue, messageId, body }: Aside,
  cause: PoisonCause,
  why: string,
): Promise<void> {
  const reason = poisonReason(cause, why).slice(0, MAX_REASON);
  log("error", "message.poisoned", { queue, messageId, cause, reason });
  const poison = { queue, messageId, reason, body };
  await bus.send([{ queue: "poison", id: `${shortened(messageId)}/poison`, body: poison }]);
}

async function tryLater(
  dependencies: ConsumeDependencies,
  queue: string,
  body: z.infer<typeof attempted>,
  messageId: string,
  error: unknown,
): Promise<void> {
  const { bus, log, clock } = dependencies;
  const attempt = (body.attempt ?? 0) + 1;
  const reason = error instanceof Error ? `${error.name}: ${error.message}` : typeof error;
  const aside = { queue, messageId, body: bounded(body) };
  if (error instanceof PermanentError) return setAside(dependencies, aside, "refused", reason);
  if (attempt > MAX_ATTEMPTS) return setAside(dependencies, aside, "tried-too-long", reason);
  const delayMs = delayOf(attempt, error);
  log("warn", "step.rescheduled", { queue, messageId, attempt, delayMs, reason: reason.slice(0, MAX_REASON) });
  await bus.send([{ queue, id: retryId(messageId, attempt), body: { ...body, attempt }, at: clock.now() + delayMs }]);
}

function delayOf(attempt: number, error: unknown): number {
  const asked = error instanceof TransientError ? (error.retryAfterSeconds ?? 0) * 1000 : 0;
  return Math.min(Math.max(asked, FIRST_DELAY_MS * 2 ** Math.min(attempt - 1, 20)), LARGEST_DELAY_MS);
}

/** The first message's id and the attempt: the same failure sends the same copy. */
function retryId(messageId: string, attempt: number): string {
  return `${shortened(messageId.replace(/\/retry-\d+$/, ""))}/retry-${attempt}`;
}

/** Different ids stay different: a copy under another message's id would be dropped as its duplicate. */
function shortened(messageId: string): string {
  return messageId.length <= MAX_ID ? messageId : sha256(messageId);
}

function bounded(body: unknown): unknown {
  const text = JSON.stringify(body);
  return text.length <= MAX_KEPT ? body : beginning(text);
}

function beginning(text: string): string {
  return text.slice(0, BEGINNING);
}

/** A body nobody could read may be anything. Undefined: nested too deeply to be sent on or kept. */
function written(body: unknown): string | undefined {
  try {
    return typeof body === "string" ? body : (JSON.stringify(body) ?? "");
  } catch {
    return undefined;
  }
}
