import { sha256 } from "./digest.ts";

/** Why messages were set aside, in the order in which they are shown. */
export const CAUSES = [
  "delivery-count-exceeded",
  "expired",
  "tried-too-long",
  "refused",
  "unreadable",
  "other",
] as const;
export type Cause = (typeof CAUSES)[number];

/** What each cause means, and what to do about it. */
export const EXPLANATIONS: Readonly<Record<Cause, string>> = {
  "delivery-count-exceeded":
    "The function that takes these messages was handed each of them ten times and never ended well: it died, or not even the Service Bus answered it. Look at GET /api/health and at the app's exceptions; replay the messages when both are quiet.",
  expired:
    "Nobody took these messages within 14 days: the app was stopped, or the function of their queue was disabled. See that the app runs, then replay the messages; what is no longer due changes nothing.",
  "tried-too-long":
    "Belay tried these messages for about ten hours, and a system it needs did not answer once: the reason names it. Replay the messages when GET /api/health says that every system answers.",
  refused:
    "A system refused these messages, or a setting cannot work, and trying again is of no use before somebody has changed that: the reason says what. Mend it, then replay the messages.",
  unreadable:
    "Belay cannot read these messages: something else sent them, or a version of Belay with another form. They cannot be replayed. Find out who sends to the queue; discard the messages when you know that nobody misses them.",
  other:
    "These messages were set aside by a person, a tool or the Service Bus, for the reason that stands with each. When that reason is gone replay them, or discard what is of no use.",
};

/** As many are listed, or replayed at once, at the most. */
export const MAX_LETTERS = 100;

/** Causes for which Belay itself sets a message aside. */
export type PoisonCause = Extract<Cause, "tried-too-long" | "refused" | "unreadable">;

/** The reason that is kept with a message Belay sets aside: its cause, and what happened. */
export function poisonReason(cause: PoisonCause, what: string): string {
  return `${cause}: ${what}`;
}

/** The cause that a reason of the queue `poison` begins with. */
export function causeOfPoison(reason: string): Cause {
  const [, code] = /^(tried-too-long|refused|unreadable): /.exec(reason) ?? [];
  return CAUSES.find((cause) => cause === code) ?? "other";
}

/** The cause behind a reason that the bus gives. https://learn.microsoft.com/azure/service-bus-messaging/service-bus-dead-letter-queues */
export function causeOfDeadLetter(reason: string): Cause {
  if (reason === "MaxDeliveryCountExceeded") return "delivery-count-exceeded";
  return reason === "TTLExpiredException" ? "expired" : "other";
}

/** What a message that is sent again now would do. */
export interface WouldDo {
  code:
    | "visit"
    | "schedule"
    | "start"
    | "send-again"
    | "accept"
    | "repeat"
    | "refuse"
    | "tell"
    | "look"
    | "nothing"
    /** Nothing: it is not sent again. */
    | "unreadable"
    /** It could not be found out. */
    | "unknown";
  /** One sentence or several, for a person. */
  text: string;
}

/** Marks the place in a replay's id: two letters of one queue may have the same number in two places. */
export type PlaceMark = "d" | "p" | "x";

/** Longer ids are replaced by their hash; with the rest behind it the bus's 128 are kept, and a retry's mark fits. */
const MAX_BASE = 80;

/**
 * The id under which a letter is sent again: the same however often it is replayed, another one for every other letter
 * of its queue, and none that was sent before, so that no duplicate detection drops it.
 */
export function replayId(messageId: string, mark: PlaceMark, sequenceNumber: string): string {
  const base = messageId.replace(/(\/(retry-|replay-[dpx])\d{1,19})+$/, "");
  return `${base.length <= MAX_BASE ? base : sha256(base)}/replay-${mark}${sequenceNumber}`;
}
