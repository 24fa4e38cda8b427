import { describe, expect, it } from "vitest";
import { inThread } from "./in-thread.ts";
import type { Patch } from "./patches.ts";

const run = (name: string, ...parameters: unknown[]) =>
  inThread(import.meta.dirname, "load-cases.ts", name, ...parameters);

describe("a build", () => {
  it("stands beside the sources as they are, and its patch holds in all that imports the file", async () => {
    expect(await run("sideBySide")).toEqual(["churn.7/2", "churn_7/2", "churn.7/2"]);
  });

  it("is the same in what it loads later", async () => {
    expect(await run("loadedLater")).toBe("churn_7");
  });

  it("is loaded once", async () => {
    expect(await run("loadedTwice")).toEqual({ again: true, present: false });
  });

  it("knows the errors of the fakes, and shares the packages", async () => {
    const known = { problem: { result: "errored", transient: true }, error: true, schema: true };
    expect(await run("sharedByAll")).toMatchObject([known, known]);
  });

  it("has every module that the simulator enters", async () => {
    expect(await run("everyEntry")).toMatchObject({
      composition: expect.arrayContaining(["assembleApp"]),
      consumers: expect.arrayContaining(["createConsumers"]),
      store: expect.arrayContaining(["createTableStore"]),
      queues: ["createQueueFunction"],
    });
  });
});

const OWED = "shared/domain/owed.ts";
const wrong: readonly { why: string; patch: Patch; said: string }[] = [
  {
    why: "whose text is not there",
    patch: { file: OWED, find: "no such text", replace: "x" },
    said: "Build wrong-0: shared/domain/owed.ts holds this text 0 times, not once:\nno such text",
  },
  {
    why: "whose text is there twice",
    patch: { file: OWED, find: "StepMessage", replace: "x" },
    said: "not once:\nStepMessage",
  },
  {
    why: "that changes nothing",
    patch: { file: OWED, find: "export function owed", replace: "export function owed" },
    said: "Build wrong-2: a patch of shared/domain/owed.ts changes nothing:\nexport function owed",
  },
  {
    why: "of what all builds share",
    patch: { file: "shared/domain/errors.ts", find: "x", replace: "y" },
    said: "Build wrong-3: shared/domain/errors.ts is the same in all builds.",
  },
  {
    why: "of a test",
    patch: { file: "test/fakes/fake-bus.ts", find: "x", replace: "y" },
    said: "Build wrong-4: test/fakes/fake-bus.ts is the same in all builds.",
  },
];

describe("a patch", () => {
  it.each(wrong.map((row, index) => ({ ...row, index })))("$why is refused", async ({ patch, said, index }) => {
    const build = { name: `wrong-${index}`, patches: [patch] };
    expect(await run("refused", [build])).toEqual([expect.stringContaining(said)]);
  });

  it("with `all` changes every place", async () => {
    const all = { file: OWED, find: "PruneMessage", replace: "PruningMessage", all: true };
    expect(await run("refused", [{ name: "all", patches: [all] }])).toEqual(["loaded"]);
  });

  it("under a name that another build has is refused", async () => {
    const patch = { file: OWED, find: "export function owed", replace: "export  function owed" };
    const builds = [
      { name: "one", patches: [patch] },
      { name: "one", patches: [] },
      { name: "Two", patches: [] },
    ];
    expect(await run("refused", builds)).toEqual([
      "loaded",
      "Another build has the name one.",
      "A build's name is not like first-build: Two",
    ]);
  });
});
