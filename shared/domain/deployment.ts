import type { BakeWork } from "./bake.ts";
import type { ModelVersion } from "./model.ts";
import type { Ending, Step } from "./pipeline.ts";
import type { NotifierName } from "./policy.ts";
import type { Problem } from "./problem.ts";
import type { Promotion } from "./promotion.ts";
import type { Formerly, StableRelease } from "./target.ts";
import type { HealthMeasurement, PredictionMeasurement } from "./verification.ts";

/** One gate's value against its threshold. */
export interface GateVerdict {
  gate: string;
  /** What was measured, as text: numbers may be NaN. */
  value: string;
  threshold: string;
  passed: boolean;
}

/** What the build step knows so far. */
export interface BuildWork {
  /** Hash of the model's identity, the template and the base image. */
  key: string;
  attempt: number;
  /** Name of the ACR task run, saved before it is asked for. */
  taskRun?: string;
  /** `relativePath` of the uploaded context, saved before the task run. */
  sourcePath?: string;
  /** Epoch milliseconds of the first look. */
  startedAt?: number;
  logLink?: string;
}

/** What a step that changes the cluster knows so far. */
export interface RolloutWork {
  /** Set by the save that says the next visit begins to apply; before it nothing on the cluster was touched. */
  begun: boolean;
  applied: boolean;
  /** Whose tokens are expected on the cluster. */
  formerly?: Formerly;
}

/** Evidence of a verification; every verdict can be recomputed from it. */
export interface VerifyWork {
  health: readonly HealthMeasurement[];
  predictions: readonly PredictionMeasurement[];
  /** Rounds of predictions that could not be measured. */
  inconclusiveRounds: number;
  /** From its proof on, where the policy has it watched for longer. */
  bake?: BakeWork;
}

/** What the visits found and later visits need. */
export interface Work {
  gates?: readonly GateVerdict[];
  build?: BuildWork;
  /** The release that was rendered and stored at the end of `build`, or kept since it was proven here before. */
  release?: { id: string; image: string };
  rollout?: RolloutWork;
  verify?: VerifyWork;
  rollback?: { applied: boolean; ready: boolean; verify?: VerifyWork };
}

interface Base {
  schema: 1;
  target: string;
  generation: number;
  /** Up by one with every save. */
  sequence: number;
  promotion: Promotion;
  model: ModelVersion;
  policyId: string;
  notify: readonly NotifierName[];
  /** Epoch milliseconds. */
  createdAt: number;
  work: Work;
  /** Generations whose records a transaction of this one wrote too: what they are owed is sent again with it. */
  linked?: readonly number[];
}

/** Waits for the ending of the deployment that is changing the target. */
export interface Waiting extends Base {
  phase: "Waiting";
  /** When to look whether it may start, epoch milliseconds. */
  resumeAt: number;
}

export interface Running extends Base {
  phase: "Running";
  step: Step;
  /** Index into the strategy's stages. */
  stage: number;
  /** When the step is to be visited next, epoch milliseconds. */
  resumeAt: number;
  /** When the step runs out of time, epoch milliseconds. */
  deadline: number;
  /** How much of the deadline was granted for gaps in which nobody visited, milliseconds. */
  extended: number;
  transientErrors: number;
  /** Why the deployment is on its way back. */
  cause?: Problem;
}

interface EndedBase extends Base {
  /** Epoch milliseconds. */
  endedAt: number;
  /** Whether anything on the cluster may have been changed. */
  changed: boolean;
  /** What the target serves after the ending, as far as Belay proved it. */
  serving?: StableRelease;
}

export interface Succeeded extends EndedBase {
  phase: "Succeeded";
  serving: StableRelease;
}

/** An ending that is not success always says why. */
export interface Unsuccessful extends EndedBase {
  phase: Exclude<Ending, "Succeeded">;
  problem: Problem;
  /** What the rollback was for, where the rollback's own problem is another. */
  cause?: Problem;
}

export type Ended = Succeeded | Unsuccessful;
/** Our record of taking one promotion to its target. */
export type Deployment = Waiting | Running | Ended;

/** `<target>.<generation>`: unique, and safe in message ids and addresses. */
export function deploymentId(deployment: Pick<Base, "target" | "generation">): string {
  return `${deployment.target}.${deployment.generation}`;
}

export function hasEnded(deployment: Deployment): deployment is Ended {
  return deployment.phase !== "Waiting" && deployment.phase !== "Running";
}

/** Whether a save has said that the cluster is about to be changed. */
export function hasBegun(deployment: Deployment): boolean {
  return deployment.work.rollout?.begun === true;
}
