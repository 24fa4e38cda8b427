import * as z from "zod";

/** Names in a registry may be anything at all, but not of any length; half a character is no text and fits nowhere. */
const name = z
  .string()
  .min(1)
  .max(2_000)
  .refine((text) => text.isWellFormed());
const version = z.string().regex(/^[0-9]{1,32}$/);

/** The events that can promote, each with the fields that are read of it; all else in a delivery is left aside. */
const mlflowEvent = z.discriminatedUnion("event", [
  z.object({ event: z.literal("model_version.created"), data: z.object({ name, version }) }),
  z.object({
    event: z.literal("model_version_tag.set"),
    data: z.object({ name, version, key: name, value: z.string().max(100_000) }),
  }),
  z.object({ event: z.literal("model_version_alias.created"), data: z.object({ name, version, alias: name }) }),
]);

/** An event that can promote, by `entity.action`. */
export type MlflowEvent = z.output<typeof mlflowEvent>;

const KNOWN = new Set<string>(mlflowEvent.options.map(({ shape }) => shape.event.value));

const word = z.string().regex(/^[\w.-]{1,45}$/);
const envelope = z.object({ entity: word, action: word, data: z.unknown() });

export type Payload =
  | { kind: "known"; known: MlflowEvent }
  | { kind: "unknown"; event: string }
  /** The message repeats none of the body's values. */
  | { kind: "malformed"; message: string };

/** Reads a delivery's body; never throws. https://mlflow.org/docs/latest/ml/webhooks/ */
export function parsePayload(rawBody: Uint8Array): Payload {
  const outer = envelope.safeParse(parseJson(rawBody));
  if (!outer.success) return malformed(outer.error);
  const event = `${outer.data.entity}.${outer.data.action}`;
  if (!KNOWN.has(event)) return { kind: "unknown", event };
  const inner = mlflowEvent.safeParse({ event, data: outer.data.data });
  return inner.success ? { kind: "known", known: inner.data } : malformed(inner.error);
}

/** Undefined for what is not JSON in UTF-8; the envelope refuses that. */
function parseJson(rawBody: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(rawBody));
  } catch {
    return undefined;
  }
}

function malformed({ issues }: z.ZodError): Payload {
  const path = issues[0]?.path.join(".") ?? "";
  return {
    kind: "malformed",
    message: path === "" ? "The body is not a JSON object." : `${path} is missing or wrong.`,
  };
}
