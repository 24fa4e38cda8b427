import { describe, expect, it } from "vitest";
import { ENDINGS, PIPELINE, STEPS } from "../../shared/domain/pipeline.ts";

describe("the pipeline", () => {
  it("has a row for every step, in the order of the happy path", () => {
    expect(Object.keys(PIPELINE)).toEqual([...STEPS]);
  });

  it.each(STEPS)("%s leads somewhere that exists", (step) => {
    const places: readonly string[] = [...STEPS, ...ENDINGS, "next-stage"];
    expect(places).toContain(PIPELINE[step].success);
    expect(places).toContain(PIPELINE[step].failure);
  });

  it("reaches every step and the last stage from the first", () => {
    const reached = new Set<string>();
    for (let place: string = STEPS[0]; !reached.has(place); ) {
      reached.add(place);
      const row = Object.entries(PIPELINE).find(([step]) => step === place)?.[1];
      place = row?.success ?? place;
    }
    expect([...reached]).toEqual(["validate", "build", "rollout", "verify", "next-stage"]);
  });

  it("goes back to stable from every step after which the candidate may be on the cluster", () => {
    const back = STEPS.filter((step) => PIPELINE[step].failure === "rollback");
    expect(back).toEqual(["rollout", "verify"]);
  });

  it("bears five transient errors in every step, and on the way back as many as its time allows", () => {
    expect(STEPS.map((step) => PIPELINE[step].errorsBorne)).toEqual(STEPS.map((step) => (step === "rollback" ? 9 : 5)));
  });
});
