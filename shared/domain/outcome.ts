import type { Work } from "./deployment.ts";
import type { Problem } from "./problem.ts";

interface Found {
  /** One sentence for the history: what this visit found. */
  found: string;
  /** What later visits need; merged over what is there. */
  work?: Work;
}

/** What a visit found. */
export type Outcome =
  | (Found & { result: "running"; resumeAfterSeconds: number })
  | (Found & { result: "succeeded" })
  | (Found & {
      result: "failed";
      problem: Problem;
      /** Somebody else changed the target: nothing is deployed to it until a person lets go. */
      hold?: boolean;
    })
  | (Found & { result: "errored"; problem: Problem; transient: boolean; retryAfterSeconds?: number; hold?: boolean });
