import { describe, expect, it } from "vitest";
import { type Figures, formatFigures } from "../../../infra/local/soak/report.ts";

const NONE = { refused: 0, "cut before": 0, "cut after": 0, delayed: 0 };

const FIGURES: Figures = {
  seed: 7,
  seconds: 231.4,
  fired: { kills: 100, ownEnds: 0, busCuts: 29 },
  promotions: 316,
  wishes: [
    { "new version": 3, flapping: 1, "the same again": 0, "an older one": 0, "deleted and set": 0 },
    { "new version": 4, flapping: 0, "the same again": 1, "an older one": 0, "deleted and set": 2 },
  ],
  deliveries: ["answered 202", "failed", "answered 202"],
  faults: {
    tables: { ...NONE, refused: 4 },
    MLflow: { ...NONE, delayed: 1 },
    ARM: NONE,
    "container registry": NONE,
    Kubernetes: NONE,
  },
  told: { of: (event) => (event === "sweep.sent" ? 2 : 0) },
  endings: new Map([
    [
      "good",
      new Map([
        ["Succeeded", 5],
        ["Waiting", 1],
      ]),
    ],
  ]),
  underWay: [],
  settledSeconds: 20.2,
  audit: { code: 0, text: "Nothing is lost, double or unexpected." },
  testimony: { changes: 22, contradictions: [] },
};

/** Everything that is printed, with single blanks. */
const printed = (changes: Partial<Figures> = {}) =>
  formatFigures({ ...FIGURES, ...changes })
    .join("\n")
    .replaceAll(/[^\S\n]+/g, " ");

describe("what a soak prints", () => {
  it("ends with its figures and its seed", () => {
    expect(printed().split("\n").at(-1)).toBe(
      "316 promotions, 100 kills, 29 cuts of the bus, 5 faults; at rest 20 s after the last of them; 231 s in all; seed 7.",
    );
  });

  it.each([
    ["what the promotions came to", "316 promotions came to 6 deployments"],
    ["how each kind of version ended, in columns by phase", "│ good │ 5 │ 0 │ 0 │ 0 │ 0 │ 0 │ 1 │"],
    ["the faults of each system by kind", "│ tables │ 20 │ 4 │ 0 │ 0 │ 0 │"],
    ["what was done to the aliases", "7 new version, 1 flapping, 1 the same again, 0 an older one, 2 deleted and set"],
    ["what became of the deliveries", "2 answered 202, 1 failed"],
    ["what the app did to get over it", "0 step.rescheduled, 0 reconcile.asked, 0 reconcile.failed, 2 sweep.sent"],
    ["what was seen on the cluster", "22 changes of what runs, 0 that must not be"],
    ["the audit, as it is", "npm run audit:\nNothing is lost, double or unexpected.\n"],
  ])("has %s", (_what, part) => {
    expect(printed()).toContain(part);
  });

  it("says what is wrong, and nothing of it when nothing is", () => {
    const wrong = printed({
      fired: { ...FIGURES.fired, ownEnds: 2 },
      underWay: ["one.2 is Running in build"],
      testimony: { changes: 3, contradictions: ["one: the token 1.9 came after a newer one."] },
    });
    for (const part of [
      "the app ended 2 times although nobody killed it",
      "still under way after 20 s: one.2 is Running in build",
      "one: the token 1.9 came after a newer one.",
    ]) {
      expect(wrong).toContain(part);
      expect(printed()).not.toContain(part);
    }
  });
});
