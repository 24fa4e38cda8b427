import * as z from "zod";
import type { CheckMessage, NotifyMessage, PruneMessage, ReportMessage, StepMessage } from "../domain/owed.ts";
import { NOTIFIER_NAMES } from "../domain/policy.ts";
import type { Promotion } from "../domain/promotion.ts";

const which = {
  target: z.string().min(1).max(64),
  generation: z.int().positive(),
  sequence: z.int().min(0),
};

/** What travels on the step queues. */
export const stepMessage: z.ZodType<StepMessage> = z.object(which);

/** The rollback queue also carries the looks at what ended deployments left behind. */
export const rollbackMessage: z.ZodType<StepMessage | PruneMessage> = z.union([
  z.object({ ...which, look: z.literal("prune") }),
  z.object({ ...which, look: z.undefined().optional() }),
]);

const day = z.string().regex(/^\d{4}-\d{2}-\d{2}$/);

/** The verify queue also carries the looks of the daily check. */
export const verifyMessage: z.ZodType<StepMessage | CheckMessage> = z.union([
  z.object({ target: which.target, look: z.literal("daily-check"), day, looks: z.int().min(0).max(100) }),
  z.object({ ...which, look: z.undefined().optional() }),
]);

/** One notifier is told of an ending, or of what a daily check found. */
export const notifyMessage: z.ZodType<NotifyMessage | ReportMessage> = z.union([
  z.object({ target: which.target, report: day, notifier: z.enum(NOTIFIER_NAMES) }),
  z.object({ ...which, notifier: z.enum(NOTIFIER_NAMES), report: z.undefined().optional() }),
]);

/** Half a character is no text: it would be another name in a hash or an address. */
const name = z
  .string()
  .min(1)
  .max(2_000)
  .refine((text) => text.isWellFormed());
/** The last time that a date can name. */
const LAST_MS = 8.64e15;

/** A wish on the `promotions` queue: parsed and bounded fields, never a delivery's body. */
export const promotionMessage: z.ZodType<Promotion> = z.object({
  id: z.string().min(1).max(128),
  model: name,
  pointer: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("alias"), alias: name }),
    z.object({ kind: z.literal("tag"), key: name, value: z.string().max(5_000) }),
    z.object({ kind: z.literal("newest") }),
    z.object({ kind: z.literal("stage"), stage: name }),
  ]),
  version: z.string().max(32).exactOptional(),
  wishedAt: z.number().positive().max(LAST_MS),
  target: which.target.exactOptional(),
  origin: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("webhook"), deliveryId: z.string().max(128), event: z.string().max(100) }),
    z.object({ kind: z.literal("difference") }),
    z.object({ kind: z.literal("retry"), of: z.int().positive(), attempt: z.int().positive() }),
    z.object({ kind: z.literal("person"), by: z.string().min(1).max(100) }),
  ]),
});
