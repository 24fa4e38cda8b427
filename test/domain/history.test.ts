import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Deployment, hasBegun, hasEnded } from "../../shared/domain/deployment.ts";
import { identityKey } from "../../shared/domain/model.ts";
import { owed } from "../../shared/domain/owed.ts";
import { ENDINGS } from "../../shared/domain/pipeline.ts";
import { MAX_QUARANTINE } from "../../shared/domain/target.ts";
import { NOW } from "./build.ts";
import { type Happening, histories, play, type Saved } from "./history.ts";

/** Holds after every transaction of any history. */
function always(holds: (saved: Saved) => void): void {
  fc.assert(
    fc.property(histories, (happenings) => play(happenings).forEach(holds)),
    { numRuns: 150 },
  );
}

function inPhase(records: ReadonlyMap<number, Deployment>, phase: Deployment["phase"]): readonly number[] {
  return [...records.values()].filter((record) => record.phase === phase).map(({ generation }) => generation);
}

const only = (generation: number | undefined) => (generation === undefined ? [] : [generation]);

describe("the histories", () => {
  it("come to every ending, and to running and waiting", () => {
    const played = fc.sample(histories, { numRuns: 150, seed: 1 }).map((happenings) => play(happenings));
    const phases = new Set(played.flat().flatMap(({ written }) => written.map(({ phase }) => phase)));
    expect([...phases].sort()).toEqual([...ENDINGS, "Running", "Waiting"].sort());
  });
});

describe("in any history of a target", () => {
  it("an ending is final: a record that has ended is never written again", () => {
    always(({ before, written }) => {
      for (const { generation } of written) {
        const former = before.records.get(generation);
        expect(former !== undefined && hasEnded(former)).toBe(false);
      }
    });
  });

  it("the sequence goes up by one with every save", () => {
    always(({ before, written }) => {
      for (const { generation, sequence } of written)
        expect(sequence).toBe((before.records.get(generation)?.sequence ?? 0) + 1);
    });
  });

  it("exactly the active one runs and exactly the waiting one waits, and they are never the same", () => {
    always(({ after: { target, records } }) => {
      expect(inPhase(records, "Running")).toEqual(only(target.active));
      expect(inPhase(records, "Waiting")).toEqual(only(target.waiting));
      if (target.waiting !== undefined) expect(target.active).toBeDefined();
      if (target.waiting !== undefined) expect(target.waiting).toBeGreaterThan(target.active ?? 0);
    });
  });

  it("nobody waits unless the active one has entered rollout", () => {
    always(({ after: { target, records } }) => {
      const active = records.get(target.active ?? 0);
      const step = active?.phase === "Running" ? active.step : "none";
      expect(target.changing).toBe(["rollout", "verify", "rollback"].includes(step));
      if (target.waiting !== undefined) expect(target.changing).toBe(true);
    });
  });

  it("stable changes by a success only, and to what that success proved", () => {
    always(({ before, after, written }) => {
      const success = written.find(({ phase }) => phase === "Succeeded");
      if (success === undefined) expect(after.target.stable).toEqual(before.target.stable);
      else
        expect(after.target.stable).toMatchObject({
          generation: success.generation,
          image: success.work.release?.image,
        });
    });
  });

  it("generations start at the epoch second and rise with every accepted promotion", () => {
    always(({ happening, before, after }) => {
      if (happening.kind !== "wish") expect(after.target.generation).toBe(before.target.generation);
      else expect(after.target.generation).toBeGreaterThan(Math.max(before.target.generation, NOW / 1000 - 1));
    });
  });

  it("whoever may have changed the cluster is written down as such in the same transaction", () => {
    always(({ before, after, written }) => {
      const [visited] = written;
      const begins = visited !== undefined && hasBegun(visited) && after.target.changedBy === visited.generation;
      const began = visited !== undefined && hasBegun(visited);
      expect(begins).toBe(began);
      if (!began) expect(after.target.changedBy).toBe(before.target.changedBy);
    });
  });

  it("an ending says whether anything was changed, and Rejected and Superseded never changed anything", () => {
    always(({ written }) => {
      for (const record of written.filter(hasEnded)) {
        const untouched = record.phase === "Rejected" || record.phase === "Superseded";
        expect(record.changed).toBe(hasBegun(record));
        expect(record.changed && untouched).toBe(false);
      }
    });
  });

  it("a rollback lands on what was stable before", () => {
    always(({ before, written }) => {
      for (const record of written.filter(({ phase }) => phase === "RolledBack"))
        expect(record).toMatchObject({ serving: before.target.stable });
    });
  });

  it("a step that could not find out never ends Rejected", () => {
    always(({ written }) => {
      for (const record of written) if (record.phase === "Rejected") expect(record.problem.kind).toBe("failed");
    });
  });

  it("nothing starts on a target that is held", () => {
    always(({ before, after, written }) => {
      const started = written.filter(
        ({ phase, generation }) => phase === "Running" && before.records.get(generation)?.phase !== "Running",
      );
      if (after.target.hold !== undefined) expect(started).toEqual([]);
    });
  });

  it("no ending and no wish lifts a hold", () => {
    always(({ before, after }) => {
      if (before.target.hold !== undefined) expect(after.target.hold).toBeDefined();
    });
  });

  it("quarantine is bounded and holds a version once", () => {
    always(({ after: { target } }) => {
      const keys = target.quarantine.map(({ model }) => identityKey(model));
      expect(new Set(keys).size).toBe(keys.length);
      expect(keys.length).toBeLessThanOrEqual(MAX_QUARANTINE);
    });
  });

  it("every record a transaction wrote is named by the first one, so that a repeat sends what all are owed", () => {
    always(({ written }) => {
      const [first, ...others] = written;
      for (const { generation } of others) expect(first?.linked).toContain(generation);
      for (const record of written) expect(owed(record).length).toBeGreaterThan(0);
    });
  });

  it("a record never forgets whose messages it sends along", () => {
    always(({ before, written }) => {
      for (const { generation, linked = [] } of written)
        expect(linked).toEqual(expect.arrayContaining([...(before.records.get(generation)?.linked ?? [])]));
    });
  });

  it("no message id is used for two different messages", () => {
    fc.assert(
      fc.property(histories, (happenings) => {
        const messages = play(happenings).flatMap(({ written }) => written.flatMap(owed));
        expect(new Set(messages.map(({ id }) => id)).size).toBe(messages.length);
      }),
      { numRuns: 150 },
    );
  });
});

describe("a deployment that is visited whenever it asks for it", () => {
  it.each<{ name: string; results: readonly Extract<Happening, { kind: "visit" }>["result"][] }>([
    { name: "ends though nothing ever comes to an end", results: ["running"] },
    { name: "ends though nothing ever answers", results: ["transient"] },
    { name: "ends though answers and silence alternate", results: ["running", "transient"] },
    { name: "ends though everything succeeds for a while", results: ["success", "success", "success", "running"] },
  ])("$name", ({ results }) => {
    const visits = Array.from({ length: 400 }, (_, at): Happening => {
      return { kind: "visit", result: results[at % results.length] ?? "running", late: 0 };
    });
    const wish: Happening = { kind: "wish", version: "2", policyId: "policy", signedBefore: 0, after: 1 };
    const last = play([wish, ...visits]).at(-1);
    expect(last?.after.target).not.toHaveProperty("active");
    expect(inPhase(last?.after.records ?? new Map(), "Running")).toEqual([]);
  });
});
