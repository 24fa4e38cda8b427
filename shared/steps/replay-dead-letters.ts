import { MAX_LETTERS, replayId } from "../domain/dead-letter.ts";
import type { Clock } from "../ports/clock.ts";
import type { DeadLetter, DeadLetterReference, DeadLetters } from "../ports/dead-letters.ts";
import type { MessageBus } from "../ports/message-bus.ts";
import type { Log } from "../ports/telemetry.ts";
import { readLetter } from "./read-letter.ts";
import { Kept, kept, type LetterResult, referenceOf, takeLetter } from "./take-letter.ts";

export interface ReplayDependencies {
  deadLetters: DeadLetters;
  bus: MessageBus;
  clock: Clock;
  log: Log;
}

export interface ReplayReport {
  /** How many were sent again. */
  replayed: number;
  /** Whether others are left that were not tried. */
  more: boolean;
  letters: readonly LetterResult[];
}

const LIST_MS = 20_000;
/** No further letter is begun after this; a request ends at 230 s. */
const ALL_MS = 150_000;

/**
 * Sends everything that can be read to its queue again, oldest first within a place. `by`: who asks.
 * Errors: TransientError, PermanentError, where not even the list can be read.
 */
export async function replayAll(dependencies: ReplayDependencies, by: string): Promise<ReplayReport> {
  const { deadLetters, clock } = dependencies;
  const endsAt = clock.now() + ALL_MS;
  const found = await deadLetters.list(MAX_LETTERS + 1, clock.timeout(LIST_MS));
  const letters: LetterResult[] = [];
  for (const letter of found.slice(0, MAX_LETTERS)) {
    if (clock.now() >= endsAt) break;
    letters.push(await replayListed(dependencies, letter, by));
  }
  const replayed = letters.filter(({ result }) => result === "replayed").length;
  return { replayed, more: letters.length < found.length, letters };
}

/** What would be kept is not even taken: taking one means holding those before it. */
async function replayListed(dependencies: ReplayDependencies, letter: DeadLetter, by: string): Promise<LetterResult> {
  const { reading } = readLetter(letter);
  return reading.kind === "unreadable" ? kept(letter, reading.why) : replayOne(dependencies, letter, by);
}

/**
 * Sends one to its queue again, as it was and with all its tries, and then takes it off its place. A crash between the
 * two leaves a second copy, which the guard makes harmless.
 */
export function replayOne(
  dependencies: ReplayDependencies,
  reference: DeadLetterReference,
  by: string,
): Promise<LetterResult> {
  const { bus, log } = dependencies;
  return takeLetter(dependencies, reference, async (letter, signal) => {
    const { queue, messageId, body, cause, mark, reading } = readLetter(letter);
    if (reading.kind === "unreadable") throw new Kept(reading.why);
    const sentAs = replayId(messageId, mark, letter.sequenceNumber);
    await bus.send([{ queue, id: sentAs, body: withAllTries(body) }], signal);
    log("info", "dead-letter.replayed", { ...referenceOf(letter), sentTo: queue, messageId, sentAs, cause, by });
    return { ...referenceOf(letter), result: "replayed", text: `It was sent to ${queue} again.`, sentAs };
  });
}

/** Takes one off its place for good: a person says that it is of no use. */
export async function discardOne(
  dependencies: Omit<ReplayDependencies, "bus">,
  reference: DeadLetterReference,
  by: string,
): Promise<LetterResult> {
  let messageId = "";
  const result = await takeLetter(dependencies, reference, async (letter) => {
    messageId = letter.messageId;
    return { ...referenceOf(letter), result: "discarded", text: "It was taken off for good." };
  });
  if (result.result === "discarded")
    dependencies.log("warn", "dead-letter.discarded", { ...referenceOf(reference), messageId, by });
  return result;
}

/** The count of attempts that were made is part of the body. */
function withAllTries(body: unknown): unknown {
  const members = body !== null && typeof body === "object" ? Object.entries(body) : [];
  return Object.fromEntries(members.filter(([name]) => name !== "attempt"));
}
