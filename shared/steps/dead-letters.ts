import { CAUSES, type Cause, EXPLANATIONS, MAX_LETTERS, type WouldDo } from "../domain/dead-letter.ts";
import type { Clock } from "../ports/clock.ts";
import type { DeadLetter, DeadLetterReference, DeadLetters } from "../ports/dead-letters.ts";
import { type ReadLetter, readLetter } from "./read-letter.ts";
import { type OpenReads, wouldDo } from "./would-do.ts";

/** One set-aside message as a person sees it. */
export interface LetterView extends DeadLetterReference {
  messageId: string;
  reason: string;
  /** ISO 8601. */
  enqueuedAt: string;
  /** The dry run: what replaying it would do now. */
  wouldDo: WouldDo;
}

/** Set-aside messages of one cause. */
export interface DeadLetterGroup {
  cause: Cause;
  /** What that means, and what to do. */
  explanation: string;
  count: number;
  letters: readonly LetterView[];
}

export interface DeadLetterList {
  /** How many are listed. */
  count: number;
  /** Whether there are others, which are listed once some of these are gone. */
  more: boolean;
  groups: readonly DeadLetterGroup[];
}

export interface ListDependencies {
  deadLetters: DeadLetters;
  openReads: OpenReads;
  clock: Clock;
}

/** What is not found out within this is said to be unknown. */
const DRY_RUN_MS = 60_000;
/** Letters that are looked into at the same time. */
const AT_ONCE = 8;
/** The bus's own calls end before. */
const LIST_MS = 20_000;

/**
 * What is set aside, by cause, with what replaying each would do: at most `limit`, or only the one that is named.
 * Errors: TransientError, PermanentError.
 */
export async function listDeadLetters(
  dependencies: ListDependencies,
  limit: number,
  only?: DeadLetterReference,
): Promise<DeadLetterList> {
  const { deadLetters, clock } = dependencies;
  const found = await deadLetters.list(limit + 1, clock.timeout(LIST_MS));
  const asked = found.slice(0, limit).filter((letter) => only === undefined || isNamed(letter, only));
  const shown = asked.map((letter) => ({ letter, read: readLetter(letter) }));
  const views = await viewAll(dependencies, shown);
  return { count: views.length, more: found.length > limit, groups: groupByCause(views) };
}

/** How many are set aside, by cause; at most the first 100. Errors: TransientError, PermanentError. */
export async function summarizeDeadLetters(
  deadLetters: DeadLetters,
  signal: AbortSignal,
): Promise<{ count: number; byCause: Readonly<Partial<Record<Cause, number>>> }> {
  const found = await deadLetters.list(MAX_LETTERS, signal);
  const groups = Map.groupBy(found, (letter) => readLetter(letter).cause);
  return {
    count: found.length,
    byCause: Object.fromEntries([...groups].map(([cause, letters]) => [cause, letters.length])),
  };
}

function isNamed(letter: DeadLetter, { place, queue, sequenceNumber }: DeadLetterReference): boolean {
  return letter.place === place && letter.queue === queue && letter.sequenceNumber === sequenceNumber;
}

interface Shown {
  letter: DeadLetter;
  read: ReadLetter;
}

/** In the order they came; some at a time, so that a system that does not answer is not waited for by each in turn. */
async function viewAll(
  dependencies: ListDependencies,
  shown: readonly Shown[],
): Promise<readonly { cause: Cause; view: LetterView }[]> {
  const { openReads, clock } = dependencies;
  const signal = clock.timeout(DRY_RUN_MS);
  const endsAt = clock.now() + DRY_RUN_MS;
  const views: { cause: Cause; view: LetterView }[] = [];
  for (let from = 0; from < shown.length; from += AT_ONCE) {
    const some = shown.slice(from, from + AT_ONCE).map(async ({ letter, read }) => {
      const would = clock.now() < endsAt ? await wouldDo(openReads, read.reading, signal) : NO_TIME;
      return { cause: read.cause, view: viewOf(letter, would) };
    });
    views.push(...(await Promise.all(some)));
  }
  return views;
}

const NO_TIME: WouldDo = { code: "unknown", text: "There was no time left to find out what it would do: list fewer." };

function viewOf(
  { place, queue, sequenceNumber, messageId, reason, enqueuedAt }: DeadLetter,
  would: WouldDo,
): LetterView {
  const enqueued = new Date(enqueuedAt).toISOString();
  return { place, queue, sequenceNumber, messageId, reason, enqueuedAt: enqueued, wouldDo: would };
}

/** In the order in which the causes are written down; one without letters is left out. */
function groupByCause(views: readonly { cause: Cause; view: LetterView }[]): readonly DeadLetterGroup[] {
  return CAUSES.flatMap((cause) => {
    const letters = views.filter((one) => one.cause === cause).map(({ view }) => view);
    return letters.length === 0 ? [] : [{ cause, explanation: EXPLANATIONS[cause], count: letters.length, letters }];
  });
}
