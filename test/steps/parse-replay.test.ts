import { describe, expect, it } from "vitest";
import { parseDiscard, parseReplay } from "../../shared/steps/parse-replay.ts";

const ONE = { place: "poison", queue: "validate", sequenceNumber: "7" };
const replay = (body: unknown) => parseReplay(JSON.stringify(body));
const discard = (body: unknown) => parseDiscard(JSON.stringify(body));

describe("what is asked", () => {
  it("is one letter, or all; a dry run only where it is said", () => {
    expect(replay({ ...ONE, by: "Ada" })).toEqual({ what: ONE, by: "Ada", dryRun: false });
    expect(replay({ all: true, by: " Ada " })).toEqual({ what: "all", by: "Ada", dryRun: false });
    expect(replay({ all: true, by: "Ada", dryRun: true })).toEqual({ what: "all", by: "Ada", dryRun: true });
    expect(discard({ ...ONE, by: "Ada" })).toEqual({ what: ONE, by: "Ada" });
  });

  it.each([1, 100])("may be asked by somebody whose name has %d characters", (length) => {
    expect(replay({ all: true, by: "x".repeat(length) })).toMatchObject({ by: "x".repeat(length) });
  });
});

describe("what cannot be understood", () => {
  it.each<[said: string, body: unknown]>([
    ["by: nothing was found; say who asks, in 1 to 100 characters.", { all: true }],
    ["by: nothing was found; say who asks, in 1 to 100 characters.", { all: true, by: "" }],
    ['by: " " was found; say who asks, in 1 to 100 characters.', { all: true, by: " " }],
    ["by: 7 was found; say who asks, in 1 to 100 characters.", { ...ONE, by: 7 }],
    [`by: "${"x".repeat(59)}… was found; say who asks, in 1 to 100 characters.`, { ...ONE, by: "x".repeat(101) }],
    [
      "all: false was found; say true, or leave it out and name one by place, queue and sequenceNumber.",
      { all: false, by: "Ada" },
    ],
    ['dryRun: "yes" was found; say true or false, or leave it out.', { all: true, by: "Ada", dryRun: "yes" }],
    ['"queue": this field is not expected here; leave it out.', { all: true, queue: "validate", by: "Ada" }],
    ['"force": this field is not expected here; leave it out.', { ...ONE, by: "Ada", force: true }],
    [
      'place: "outbox" was found; say "dead-letter" or "poison", as GET /api/dead-letters shows it.',
      { ...ONE, place: "outbox", by: "Ada" },
    ],
    [
      "queue: null was found; copy it from GET /api/dead-letters: 1 to 260 characters.",
      { ...ONE, queue: null, by: "Ada" },
    ],
    [
      "sequenceNumber: 7 was found; copy it from GET /api/dead-letters: a text of at most 19 digits.",
      { ...ONE, sequenceNumber: 7, by: "Ada" },
    ],
    [
      'sequenceNumber: "7 or 1" was found; copy it from GET /api/dead-letters: a text of at most 19 digits.',
      { ...ONE, sequenceNumber: "7 or 1", by: "Ada" },
    ],
    ['place: nothing was found; say "dead-letter" or "poison", as GET /api/dead-letters shows it.', { by: "Ada" }],
  ])("is named, with what was found and what to do: %s", (said, body) => {
    expect(replay(body)).toBe(said);
  });

  it.each<[said: string, text: string]>([
    ["body: nothing was found; send a JSON object.", ""],
    ['body: "{by" was found; send a JSON object.', "{by"],
    ['body: "[]" was found; send a JSON object.', "[]"],
    ['body: "null" was found; send a JSON object.', "null"],
    ["body: 5000 characters were found; send at most 4096.", " ".repeat(5_000)],
  ])("is named where it is the whole body: %s", (said, text) => {
    expect(parseReplay(text)).toBe(said);
    expect(parseDiscard(text)).toBe(said);
  });

  it("is everything but one letter where something is to be discarded", () => {
    expect(discard({ all: true, by: "Ada" })).toContain("place: nothing was found");
    expect(discard({ ...ONE })).toContain("by: nothing was found");
    expect(discard({ ...ONE, by: "Ada", dryRun: true })).toContain('"dryRun": this field is not expected');
  });
});
