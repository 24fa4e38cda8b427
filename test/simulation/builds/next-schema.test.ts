import { describe, expect, it } from "vitest";
import { inThread } from "./in-thread.ts";

const run = (name: string) => inThread(import.meta.dirname, "next-cases.ts", name);
const note = "accepted by next";

describe("the build of the next schema version", () => {
  it("runs whole stories: every row of schema 2, every deployment with a note, the waiting one parked", async () => {
    expect(await run("wholeStory")).toMatchObject({
      between: {
        schemas: [2],
        senders: ["next"],
        deployments: [
          { row: 2, phase: "Running", version: "1", note },
          { row: 2, phase: "Parked", version: "2", note },
        ],
      },
      end: {
        schemas: [2],
        deployments: [
          { row: 2, phase: "Succeeded", version: "1", note },
          { row: 2, phase: "RolledBack", version: "2", note },
        ],
        told: ["churn-classifier version 1 is live on churn", "churn-classifier version 2 was rolled back on churn"],
        poisoned: [],
      },
    });
  });

  it("takes over from the present one in the middle of a rollout, with its messages and one that waits", async () => {
    expect(await run("takenOver")).toMatchObject({
      between: {
        schemas: [1],
        senders: [undefined],
        deployments: [
          { row: 1, phase: "Running", version: "1" },
          { row: 1, phase: "Waiting", version: "2" },
        ],
      },
      end: {
        deployments: [
          { row: 2, phase: "Succeeded", version: "1", note: "" },
          { row: 2, phase: "Succeeded", version: "2", note: "" },
        ],
        told: ["churn-classifier version 1 is live on churn", "churn-classifier version 2 is live on churn"],
        poisoned: [],
      },
    });
  });

  it("works beside the present one, and between them every promotion comes to its end", async () => {
    expect(await run("mixed")).toMatchObject({
      schemas: [1, 2],
      deployments: [
        { phase: "Succeeded", version: "1" },
        { phase: "Succeeded", version: "2" },
        { phase: "RolledBack", version: "3" },
      ],
      poisoned: [],
    });
  });
});

describe("the present build", () => {
  it("leaves rows of the next one alone, and tries the message again later", async () => {
    expect(await run("leftAlone")).toMatchObject({
      untouched: true,
      reason: expect.stringMatching(/^TransientError: The row was written by a newer Belay \(schema 2\)/),
      again: [{ queue: true, id: expect.stringMatching(/\/retry-1$/), body: { build: "next", attempt: 1 } }],
    });
  });

  it("takes messages that have a field more", async () => {
    expect(await run("fieldMore")).toMatchObject({
      deployments: [{ row: 1, phase: "Succeeded", version: "1" }],
      poisoned: [],
    });
  });
});
