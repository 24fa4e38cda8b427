import { z } from "zod";
import { parseDuration } from "./duration.ts";

const MEGABYTE = 1024 * 1024;

function isDuration(text: string, context: z.core.$RefinementCtx): number {
  try {
    return parseDuration(text);
  } catch (error) {
    context.issues.push({ code: "custom", input: text, message: String(error) });
    return z.NEVER;
  }
}

/** Durations are ISO 8601 text and become milliseconds. */
const duration = z.string().transform(isDuration);

/**
 * The queue properties of ARM that the broker honours, with Azure's defaults and limits.
 * Source: https://learn.microsoft.com/azure/templates/microsoft.servicebus/namespaces/queues
 */
const queueProperties = z.strictObject({
  lockDuration: duration.pipe(z.number().positive().max(parseDuration("PT5M"))).default(parseDuration("PT1M")),
  maxDeliveryCount: z.int().min(1).max(2000).default(10),
  requiresDuplicateDetection: z.boolean().default(false),
  duplicateDetectionHistoryTimeWindow: duration
    .pipe(z.number().min(parseDuration("PT20S")).max(parseDuration("P7D")))
    .default(parseDuration("PT10M")),
  defaultMessageTimeToLive: duration.pipe(z.number().positive()).default(Number.POSITIVE_INFINITY),
  deadLetteringOnMessageExpiration: z.boolean().default(false),
  maxSizeInMegabytes: z.int().min(1).default(1024),
  requiresSession: z.boolean().default(false),
});

/** A queue as Bicep and ARM write it; what is left out has Azure's default. */
export type QueueProperties = z.input<typeof queueProperties>;

/** The same, parsed: durations in milliseconds, sizes in bytes. */
export interface QueueSettings extends Omit<z.output<typeof queueProperties>, "maxSizeInMegabytes"> {
  readonly maxSizeInBytes: number;
}

/** Reads one queue's properties; throws one error that names the queue and every property that is unknown or wrong. */
export function parseQueueProperties(name: string, properties: unknown): QueueSettings {
  const parsed = queueProperties.safeParse(properties);
  if (!parsed.success) throw new Error(`queue '${name}': ${z.prettifyError(parsed.error)}`);
  const { maxSizeInMegabytes, ...settings } = parsed.data;
  return { ...settings, maxSizeInBytes: maxSizeInMegabytes * MEGABYTE };
}
