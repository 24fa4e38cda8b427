import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  CAUSES,
  causeOfDeadLetter,
  causeOfPoison,
  EXPLANATIONS,
  type PlaceMark,
  type PoisonCause,
  poisonReason,
  replayId,
} from "../../shared/domain/dead-letter.ts";
import { sha256 } from "../../shared/domain/digest.ts";

describe("a cause", () => {
  it.each(CAUSES)("is explained in sentences that end with what to do: %s", (cause) => {
    expect(EXPLANATIONS[cause]).toMatch(/^[A-Z].*\. .*(replay|discard).*\.$/i);
  });

  it.each<[reason: string, cause: string]>([
    ["MaxDeliveryCountExceeded", "delivery-count-exceeded"],
    ["TTLExpiredException", "expired"],
    ["HeaderSizeExceeded", "other"],
    ["the message says MaxDeliveryCountExceeded", "other"],
    ["refused: but not by Belay", "other"],
    ["", "other"],
  ])("of the bus is known by its whole code: '%s'", (reason, cause) => {
    expect(causeOfDeadLetter(reason)).toBe(cause);
  });

  it.each<PoisonCause>(["tried-too-long", "refused", "unreadable"])(
    "of Belay's is read as it was written: %s",
    (cause) => {
      expect(causeOfPoison(poisonReason(cause, "refused: what happened"))).toBe(cause);
    },
  );

  it.each(["", "expired: yes", "PermanentError: refused: no", "refused", "toString: x"])(
    "of Belay's is not guessed from a text: '%s'",
    (reason) => {
      expect(causeOfPoison(reason)).toBe("other");
    },
  );
});

describe("the id of a replay", () => {
  it.each<[what: string, messageId: string, id: string]>([
    ["says whose it is", "churn.1790000000/3", "churn.1790000000/3/replay-d7"],
    ["leaves out the tries before it", "churn.1790000000/3/retry-70", "churn.1790000000/3/replay-d7"],
    ["leaves out the replays before it", "churn.1790000000/3/replay-p5/retry-2", "churn.1790000000/3/replay-d7"],
    ["needs no id before it", "", "/replay-d7"],
    ["keeps an id of 80 characters", "i".repeat(80), `${"i".repeat(80)}/replay-d7`],
    ["keeps the hash of a longer one", "i".repeat(81), `${sha256("i".repeat(81))}/replay-d7`],
  ])("%s", (_what, messageId, id) => {
    expect(replayId(messageId, "d", "7")).toBe(id);
  });

  const letter = fc.tuple(
    fc.oneof(fc.string({ maxLength: 128 }), fc.constantFrom("a", "a/retry-1", "a/replay-d1", "a/replay-p12/retry-3")),
    fc.constantFrom<PlaceMark>("d", "p", "x"),
    fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }).map(String),
  );

  it("is the same for one letter and another for every other one, whatever their message ids", () => {
    fc.assert(
      fc.property(letter, letter, ([idA, markA, numberA], [idB, markB, numberB]) => {
        const a = replayId(idA, markA, numberA);
        expect(a).toBe(replayId(idA, markA, numberA));
        if (markA !== markB || numberA !== numberB) expect(a).not.toBe(replayId(idB, markB, numberB));
      }),
    );
  });

  it("was never sent before and leaves room for what stands behind it", () => {
    fc.assert(
      fc.property(letter, ([id, mark, number]) => {
        const replayed = replayId(id, mark, number);
        if (!id.endsWith(`/replay-${mark}${number}`)) expect(replayed).not.toBe(id);
        expect(`${replayed}/retry-70`.length).toBeLessThanOrEqual(128);
      }),
    );
  });
});
