import * as z from "zod";
import { type Cause, causeOfDeadLetter, causeOfPoison, type PlaceMark } from "../domain/dead-letter.ts";
import type { CheckMessage, NotifyMessage, PruneMessage, ReportMessage, StepMessage } from "../domain/owed.ts";
import type { Promotion } from "../domain/promotion.ts";
import type { DeadLetter } from "../ports/dead-letters.ts";
import type { QueueName } from "./consumers.ts";
import { notifyMessage, promotionMessage, rollbackMessage, stepMessage, verifyMessage } from "./messages.ts";

/** What a set-aside message says, as its queue's function would read it. */
export type Reading =
  | { kind: "step"; message: StepMessage }
  | { kind: "prune"; message: PruneMessage }
  | { kind: "check"; message: CheckMessage }
  | { kind: "notify"; message: NotifyMessage }
  | { kind: "report"; message: ReportMessage }
  | { kind: "promotion"; message: Promotion }
  /** `why`: one sentence. */
  | { kind: "unreadable"; why: string };

/** A set-aside message as it was before anybody set it aside. */
export interface ReadLetter {
  /** The queue it is sent to again. */
  queue: string;
  messageId: string;
  body: unknown;
  cause: Cause;
  mark: PlaceMark;
  reading: Reading;
}

type Taken = StepMessage | PruneMessage | CheckMessage | NotifyMessage | ReportMessage | Promotion;

/** What each queue's function reads its messages by. */
const SCHEMAS: Readonly<Record<QueueName, z.ZodType<Taken>>> = {
  promotions: promotionMessage,
  validate: stepMessage,
  build: stepMessage,
  rollout: stepMessage,
  verify: verifyMessage,
  rollback: rollbackMessage,
  notify: notifyMessage,
};

/** What Belay sends to `poison`; the bus may give that up in its turn. */
const poisoned = z.object({ queue: z.string(), messageId: z.string().max(128), reason: z.string(), body: z.unknown() });

/** What a letter was, and why it was set aside. Pure. */
export function readLetter({ place, queue, messageId, body, reason }: DeadLetter): ReadLetter {
  if (place === "poison") return read({ queue, messageId, body, cause: causeOfPoison(reason), mark: "p" });
  const inner = queue === "poison" ? poisoned.safeParse(body) : undefined;
  if (inner?.success !== true) return read({ queue, messageId, body, cause: causeOfDeadLetter(reason), mark: "d" });
  return read({ ...inner.data, cause: causeOfPoison(inner.data.reason), mark: "x" });
}

function read({ queue, messageId, body, cause, mark }: Omit<ReadLetter, "reading">): ReadLetter {
  const reading = readBody(queue, body);
  // Of what was there before causes were written down, only the body says that it cannot be read.
  const known = cause === "other" && mark !== "d" && reading.kind === "unreadable" ? "unreadable" : cause;
  return { queue, messageId, body, cause: known, mark, reading };
}

function readBody(queue: string, body: unknown): Reading {
  if (!hasFunction(queue)) return { kind: "unreadable", why: "It is not known which queue it was for." };
  const parsed = SCHEMAS[queue].safeParse(body);
  if (parsed.success) return toReading(parsed.data);
  const [issue] = parsed.error.issues;
  const field = issue?.path.join(".") ?? "";
  return { kind: "unreadable", why: `Belay cannot read it: ${field === "" ? "" : `${field}: `}${issue?.message}.` };
}

function hasFunction(queue: string): queue is QueueName {
  return Object.hasOwn(SCHEMAS, queue);
}

function toReading(message: Taken): Reading {
  if ("pointer" in message) return { kind: "promotion", message };
  if ("look" in message && message.look === "prune") return { kind: "prune", message };
  if ("look" in message && message.look === "daily-check") return { kind: "check", message };
  if (!("notifier" in message)) return { kind: "step", message };
  return "generation" in message ? { kind: "notify", message } : { kind: "report", message };
}
