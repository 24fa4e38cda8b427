import * as z from "zod";
import type { DeadLetterReference } from "../ports/dead-letters.ts";

/** What a person asks to be sent again. */
export interface ReplayRequest {
  what: "all" | DeadLetterReference;
  by: string;
  dryRun: boolean;
}

/** What a person says is of no use. */
export interface DiscardRequest {
  what: DeadLetterReference;
  by: string;
}

/** What to do about a field that is not right. */
const EXPECTED: Readonly<Record<string, string>> = {
  by: "say who asks, in 1 to 100 characters",
  all: "say true, or leave it out and name one by place, queue and sequenceNumber",
  dryRun: "say true or false, or leave it out",
  place: 'say "dead-letter" or "poison", as GET /api/dead-letters shows it',
  queue: "copy it from GET /api/dead-letters: 1 to 260 characters",
  sequenceNumber: "copy it from GET /api/dead-letters: a text of at most 19 digits",
};

const by = z.string().trim().min(1).max(100);
const dryRun = z.boolean().default(false);
const reference = {
  place: z.enum(["dead-letter", "poison"]),
  queue: z.string().min(1).max(260),
  sequenceNumber: z.string().regex(/^\d{1,19}$/),
};
const replayAll = z.strictObject({ by, dryRun, all: z.literal(true) });
const replayOne = z.strictObject({ by, dryRun, ...reference });
const discard = z.strictObject({ by, ...reference });

/** Longest body that is read, in characters. */
const MAX_BODY = 4_096;

/** What was asked, or what is wrong with it in words. */
export function parseReplay(text: string): ReplayRequest | string {
  const body = parseBody(text);
  if (typeof body === "string") return body;
  if ("all" in body) {
    const all = replayAll.safeParse(body);
    return all.success ? { what: "all", by: all.data.by, dryRun: all.data.dryRun } : describe(all.error, body);
  }
  const one = replayOne.safeParse(body);
  if (!one.success) return describe(one.error, body);
  const { by: who, dryRun: dry, ...what } = one.data;
  return { what, by: who, dryRun: dry };
}

/** What was asked, or what is wrong with it in words. */
export function parseDiscard(text: string): DiscardRequest | string {
  const body = parseBody(text);
  if (typeof body === "string") return body;
  const parsed = discard.safeParse(body);
  if (!parsed.success) return describe(parsed.error, body);
  const { by: who, ...what } = parsed.data;
  return { what, by: who };
}

function parseBody(text: string): Readonly<Record<string, unknown>> | string {
  if (text.length > MAX_BODY) return `body: ${text.length} characters were found; send at most ${MAX_BODY}.`;
  const parsed = z.record(z.string(), z.unknown()).safeParse(parseJson(text));
  return parsed.success ? parsed.data : `body: ${found(text)} was found; send a JSON object.`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The first field that is not right: its name, what was found, what to do. */
function describe({ issues: [issue] }: z.ZodError, body: Readonly<Record<string, unknown>>): string {
  if (issue?.code === "unrecognized_keys")
    return `${found(issue.keys[0])}: this field is not expected here; leave it out.`;
  const field = String(issue?.path[0]);
  return `${field}: ${found(body[field])} was found; ${EXPECTED[field]}.`;
}

function found(value: unknown): string {
  if (value === undefined || value === "") return "nothing";
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
