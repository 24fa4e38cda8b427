import { z } from "zod";

/** A line of the host's log; its message may be one of Belay's events. */
const hostLine = z.object({ level: z.string(), message: z.string() });
const belayEvent = z.looseObject({
  event: z.string(),
  target: z.string().optional(),
  step: z.string().optional(),
  result: z.string().optional(),
  found: z.string().optional(),
  durationMs: z.number().optional(),
});
export type BelayEvent = z.infer<typeof belayEvent>;

export interface HostLine {
  level: string;
  message: string;
  /** Where the message is one of Belay's events. */
  event?: BelayEvent;
}

/** What the app's process printed; undefined: not a line of the host's log. */
export function readHostLine(line: string): HostLine | undefined {
  const read = hostLine.safeParse(parseJson(line));
  if (!read.success) return undefined;
  const event = belayEvent.safeParse(parseJson(read.data.message));
  return event.success ? { ...read.data, event: event.data } : read.data;
}

/** Undefined for what is not JSON; no schema takes that. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
