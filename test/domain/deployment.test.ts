import { describe, expect, it } from "vitest";
import { type Deployment, deploymentId, hasBegun, hasEnded } from "../../shared/domain/deployment.ts";
import { ENDINGS } from "../../shared/domain/pipeline.ts";
import { BEGUN, GENERATION, running, succeeded, unsuccessful, waiting } from "./build.ts";

describe("a deployment", () => {
  it("is named by target and generation", () => {
    expect(deploymentId(running())).toBe(`churn.${GENERATION}`);
  });

  it.each<{ name: string; record: Deployment; ended: boolean }>([
    { name: "has not ended while it waits", record: waiting(), ended: false },
    { name: "has not ended while it runs", record: running(), ended: false },
    ...ENDINGS.map((phase) => ({
      name: `has ended in ${phase}`,
      record: phase === "Succeeded" ? succeeded() : unsuccessful({ phase }),
      ended: true,
    })),
  ])("$name", ({ record, ended }) => {
    expect(hasEnded(record)).toBe(ended);
  });

  it.each([
    { name: "has not begun before its rollout", work: {}, begun: false },
    { name: "has not begun while nothing says so", work: { rollout: { begun: false, applied: false } }, begun: false },
    { name: "has begun once a save said so", work: BEGUN, begun: true },
  ])("$name", ({ work, begun }) => {
    expect(hasBegun(running({ work }))).toBe(begun);
  });
});
