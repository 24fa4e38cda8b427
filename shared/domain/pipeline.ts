/** The steps of a deployment, in the order of the happy path; `rollback` is the way back. One queue each. */
export const STEPS = ["validate", "build", "rollout", "verify", "rollback"] as const;
export type Step = (typeof STEPS)[number];

/** How a deployment ends. */
export const ENDINGS = ["Succeeded", "RolledBack", "Rejected", "Superseded", "Failed", "RollbackFailed"] as const;
export type Ending = (typeof ENDINGS)[number];

interface Row {
  /** What follows success. `next-stage` is the next stage's rollout; after the last stage the deployment has succeeded. */
  success: Step | "next-stage" | Extract<Ending, "RolledBack">;
  /** What follows a failure of kind failed; one of kind errored never ends `Rejected`. */
  failure: "rollback" | Extract<Ending, "Rejected" | "Failed" | "RollbackFailed">;
  /** Seconds, or the policy's entry for the step. */
  timeoutSeconds: number | "policy";
  /** Transient errors a step bears before they count as a failure of kind errored. */
  errorsBorne: number;
}

/** The whole process: what follows each step, how long it may take, how many errors it bears. */
export const PIPELINE: Readonly<Record<Step, Row>> = {
  validate: { success: "build", failure: "Rejected", timeoutSeconds: 300, errorsBorne: 5 },
  build: { success: "rollout", failure: "Failed", timeoutSeconds: "policy", errorsBorne: 5 },
  rollout: { success: "verify", failure: "rollback", timeoutSeconds: "policy", errorsBorne: 5 },
  verify: {
    success: "next-stage",
    failure: "rollback",
    timeoutSeconds: "policy",
    errorsBorne: 5,
  },
  rollback: {
    success: "RolledBack",
    failure: "RollbackFailed",
    timeoutSeconds: 600,
    // Only its time ends the way back: giving up earlier would hold the target for a person.
    errorsBorne: 9,
  },
};
