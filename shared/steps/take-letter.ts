import { PermanentError, TransientError } from "../domain/errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { DeadLetter, DeadLetterReference, DeadLetters } from "../ports/dead-letters.ts";

/** What became of one letter that a person asked something for. */
export interface LetterResult extends DeadLetterReference {
  result:
    | "replayed"
    | "discarded"
    /** It was left where it is, on purpose. */
    | "kept"
    /** It was not found, or somebody else has it at hand. */
    | "gone"
    /** A system did not answer: it may have been sent, and asking again is harmless. */
    | "failed";
  /** What that means, for a person. */
  text: string;
  /** The message id it was sent again under. */
  sentAs?: string;
}

/** One letter: finding it, sending it, taking it off. */
const TAKE_MS = 20_000;

/** Thrown while a letter is at hand to have it left where it is; the message says why. */
export class Kept extends Error {
  override readonly name = "Kept";
}

/** Takes one letter off its place once `handle` is done with it; says what became of it, also where that is nothing. */
export async function takeLetter(
  { deadLetters, clock }: { deadLetters: DeadLetters; clock: Clock },
  reference: DeadLetterReference,
  handle: (letter: DeadLetter, signal: AbortSignal) => Promise<LetterResult>,
): Promise<LetterResult> {
  const signal = clock.timeout(TAKE_MS);
  let handled: LetterResult | undefined;
  const take = async (letter: DeadLetter) => {
    handled = await handle(letter, signal);
  };
  try {
    const taken = await deadLetters.take(reference, take, signal);
    return taken && handled !== undefined ? handled : { ...referenceOf(reference), result: "gone", text: GONE };
  } catch (error) {
    if (error instanceof Kept) return kept(reference, error.message);
    if (!(error instanceof TransientError || error instanceof PermanentError)) throw error;
    const text = `${error.message} It may have been sent all the same: asking again is harmless.`;
    return { ...referenceOf(reference), result: "failed", text };
  }
}

const GONE =
  "It is not there any more, somebody else has it at hand, or more than a hundred others lie before it. List them again.";

export function kept(reference: DeadLetterReference, why: string): LetterResult {
  return { ...referenceOf(reference), result: "kept", text: `It stays where it is. ${why}` };
}

export function referenceOf({ place, queue, sequenceNumber }: DeadLetterReference): DeadLetterReference {
  return { place, queue, sequenceNumber };
}
