import type { DeadLetter, DeadLetterReference, DeadLetters } from "../../shared/ports/dead-letters.ts";

/** Set-aside messages in memory. */
export interface FakeDeadLetters extends DeadLetters {
  /** Lays a message down in its place, under the place's next sequence number. */
  put(letter: Pick<DeadLetter, "place" | "queue" | "messageId" | "body"> & { reason?: string }): DeadLetterReference;
  /** Everything that lies there. */
  all(): readonly DeadLetter[];
}

/** The one place of poison, and one for each queue. */
function placeOf({ place, queue }: Pick<DeadLetter, "place" | "queue">): string {
  return place === "poison" ? place : `${place} ${queue}`;
}

export function createFakeDeadLetters(now: () => number): FakeDeadLetters {
  const letters: DeadLetter[] = [];
  const numbers = new Map<string, number>();
  const atHand = new Set<DeadLetter>();
  return {
    put: ({ reason = "", ...letter }) => {
      const number = (numbers.get(placeOf(letter)) ?? 0) + 1;
      numbers.set(placeOf(letter), number);
      const reference = { place: letter.place, queue: letter.queue, sequenceNumber: String(number) };
      letters.push(structuredClone({ ...letter, ...reference, reason, enqueuedAt: now(), deliveryCount: 0 }));
      return reference;
    },
    all: () => letters,
    list: async (limit) => {
      const places = [...Map.groupBy(letters, placeOf).values()];
      const rows = Array.from({ length: limit }, (_, row) => places.flatMap((place) => place.slice(row, row + 1)));
      return structuredClone(rows.flat().slice(0, limit));
    },
    take: async ({ place, queue, sequenceNumber }, handle) => {
      const found = letters.find(
        (one) => one.place === place && one.queue === queue && one.sequenceNumber === sequenceNumber,
      );
      if (found === undefined || atHand.has(found)) return false;
      atHand.add(found);
      try {
        await handle(structuredClone(found));
        letters.splice(letters.indexOf(found), 1);
        return true;
      } finally {
        atHand.delete(found);
      }
    },
  };
}
