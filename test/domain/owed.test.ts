import { describe, expect, it } from "vitest";
import { accept } from "../../shared/domain/accept.ts";
import { advance } from "../../shared/domain/advance.ts";
import { owed } from "../../shared/domain/owed.ts";
import { STEPS } from "../../shared/domain/pipeline.ts";
import { policyFor } from "../pipeline/manifests.ts";
import {
  BEGUN,
  found,
  GENERATION,
  model,
  NOW,
  promotion,
  RULES,
  running,
  succeeded,
  target,
  unsuccessful,
  waiting,
} from "./build.ts";

describe("what a record is owed", () => {
  it.each(STEPS)("running in %s: one message to that step at its time", (step) => {
    const body = { target: "churn", generation: GENERATION, sequence: 4 };
    expect(owed(running({ step, resumeAt: NOW + 7 }))).toEqual([
      { queue: step, id: `churn.${GENERATION}/4`, at: NOW + 7, body },
    ]);
  });

  it("waiting: a look whether it may start, so that nothing is without an owner", () => {
    expect(owed(waiting({ resumeAt: NOW + 9 }))).toMatchObject([{ queue: "validate", at: NOW + 9 }]);
  });

  it("ended untouched: one notification for each notifier, and nothing else", () => {
    expect(owed(unsuccessful())).toEqual([
      {
        ...{ queue: "notify", id: `churn.${GENERATION}/4/log` },
        body: { target: "churn", generation: GENERATION, sequence: 4, notifier: "log" },
      },
      {
        ...{ queue: "notify", id: `churn.${GENERATION}/4/slack` },
        body: { target: "churn", generation: GENERATION, sequence: 4, notifier: "slack" },
      },
    ]);
  });

  it("ended after a change: a look at what is left, and one more after the longest a frozen worker can live", () => {
    const pruning = owed(succeeded()).filter(({ queue }) => queue === "rollback");
    expect(pruning).toMatchObject([
      { at: NOW, body: { look: "prune" } },
      { at: NOW + 330_000, body: { look: "prune" } },
    ]);
  });

  it("ended with nobody to tell: nothing", () => {
    expect(owed(unsuccessful({ notify: [] }))).toEqual([]);
  });
});

describe("the ids of what is owed", () => {
  it.each([
    { name: "running", record: running() },
    { name: "waiting", record: waiting() },
    { name: "succeeded", record: succeeded() },
  ])("are stable and distinct for a record that is $name", ({ record }) => {
    const ids = owed(record).map(({ id }) => id);
    expect(owed(structuredClone(record)).map(({ id }) => id)).toEqual(ids);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("differ from save to save", () => {
    expect(owed(running({ sequence: 5 }))[0]?.id).not.toBe(owed(running({ sequence: 4 }))[0]?.id);
  });
});

describe("every record of a transaction is owed something", () => {
  it("the ended one and the one it started", () => {
    const next = waiting();
    const on = target({ changing: true, waiting: next.generation });
    const { deployment, started } = advance(
      running({ step: "verify", work: BEGUN }),
      ...([on, next, found.success, RULES, NOW] as const),
    );
    const records = started === undefined ? [] : [deployment, started];
    expect(records.map((record) => owed(record).map(({ queue }) => queue))).toEqual([
      ["notify", "notify", "rollback", "rollback"],
      ["validate"],
    ]);
  });

  it("the accepted one and the one it superseded", () => {
    const wish = {
      promotion: promotion(),
      policy: policyFor(),
      policyId: "policy",
      target: target(),
      found: model("3"),
    };
    const decision = accept({ ...wish, wanted: undefined, active: running(), waiting: undefined }, NOW);
    const records = decision.kind === "commit" ? decision.deployments : [];
    expect(records.map((record) => owed(record).map(({ queue }) => queue))).toEqual([
      ["validate"],
      ["notify", "notify"],
    ]);
  });
});
