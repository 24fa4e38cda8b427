/** Every event that Belay logs; a line is an event with fields. */
export const EVENTS = [
  "webhook.accepted",
  "webhook.ignored",
  "webhook.refused",
  "webhook.malformed",
  "webhook.unavailable",
  "promotion.accepted",
  "promotion.repeated",
  "promotion.unfollowed",
  "promotion.ignored",
  "step.visited",
  "step.stale",
  "step.rescheduled",
  "deployment.ended",
  "deployment.pruned",
  "message.poisoned",
  "dead-letters.found",
  "dead-letter.replayed",
  "dead-letter.discarded",
  "reconcile.asked",
  "reconcile.done",
  "reconcile.failed",
  "sweep.sent",
  "sweep.done",
  "sweep.failed",
  "sweep.given-up",
  "retention.removed",
  "retention.failed",
  "daily-check.asked",
  "daily-check.found",
  "command.given",
  "notification.sent",
  "notification.told",
  "request.answered",
] as const;
export type EventName = (typeof EVENTS)[number];

export type LogLevel = "debug" | "info" | "warn" | "error";

/** Writes one structured event; fields hold no secrets and no bodies. */
export type Log = (level: LogLevel, event: EventName, fields: Readonly<Record<string, unknown>>) => void;
