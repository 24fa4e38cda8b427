/** Remembers message ids for a while, from the moment each was first seen. */
export interface DuplicateWindow {
  /** Whether the id was seen inside the window; if not, it counts as seen from now (milliseconds). */
  isDuplicate(messageId: string | undefined, now: number): boolean;
}

/** A window of zero milliseconds finds no duplicates. */
export function createDuplicateWindow(windowMilliseconds: number): DuplicateWindow {
  const firstSeen = new Map<string, number>();

  /** A map keeps the order of insertion, which is the order of time. */
  function forgetOld(now: number): void {
    for (const [messageId, at] of firstSeen) {
      if (now - at < windowMilliseconds) return;
      firstSeen.delete(messageId);
    }
  }

  return {
    isDuplicate(messageId, now) {
      if (messageId === undefined) return false;
      forgetOld(now);
      if (firstSeen.has(messageId)) return true;
      firstSeen.set(messageId, now);
      return false;
    },
  };
}
