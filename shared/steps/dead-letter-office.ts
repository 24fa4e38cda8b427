import type { DeadLetterReference } from "../ports/dead-letters.ts";
import { type DeadLetterList, type ListDependencies, listDeadLetters } from "./dead-letters.ts";
import { discardOne, type ReplayDependencies, type ReplayReport, replayAll, replayOne } from "./replay-dead-letters.ts";
import type { LetterResult } from "./take-letter.ts";

/** What a person can do with set-aside messages. `by`: who asks, for the log. Errors: TransientError, PermanentError. */
export interface DeadLetterOffice {
  /** At most `limit`, or only the one that is named, each with what replaying it would do. */
  list(limit: number, only?: DeadLetterReference): Promise<DeadLetterList>;
  replayAll(by: string): Promise<ReplayReport>;
  replay(reference: DeadLetterReference, by: string): Promise<LetterResult>;
  discard(reference: DeadLetterReference, by: string): Promise<LetterResult>;
}

export function createDeadLetterOffice(dependencies: ListDependencies & ReplayDependencies): DeadLetterOffice {
  return {
    list: (limit, only) => listDeadLetters(dependencies, limit, only),
    replayAll: (by) => replayAll(dependencies, by),
    replay: (reference, by) => replayOne(dependencies, reference, by),
    discard: (reference, by) => discardOne(dependencies, reference, by),
  };
}
