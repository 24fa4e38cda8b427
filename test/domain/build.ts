import { firstStep, type Rules } from "../../shared/domain/advance.ts";
import type { Running, Succeeded, Unsuccessful, Waiting } from "../../shared/domain/deployment.ts";
import type { ModelIdentity, ModelVersion } from "../../shared/domain/model.ts";
import type { Outcome } from "../../shared/domain/outcome.ts";
import { errored, failed, type ProblemCode } from "../../shared/domain/problem.ts";
import type { Promotion } from "../../shared/domain/promotion.ts";
import { newTarget, type StableRelease, type Target } from "../../shared/domain/target.ts";

/** 2026-09-21T14:13:20Z, epoch milliseconds: the present of every test. */
export const NOW = 1_790_000_000_000;
/** The generation that a first promotion gets at that time. */
export const GENERATION = 1_790_000_000;

export const RULES: Rules = {
  timeoutSeconds: { validate: 300, build: 3600, rollout: 600, verify: 600, rollback: 600 },
  stages: 1,
};

export function identity(version = "2"): ModelIdentity {
  return { name: "churn-classifier", version, createdAt: 1_700_000_000_000 + Number(version) };
}

export function model(version = "2"): ModelVersion {
  return { ...identity(version), status: "READY" };
}

export function promotion(changes: Partial<Promotion> = {}): Promotion {
  return {
    id: "wish",
    model: "churn-classifier",
    pointer: { kind: "alias", alias: "champion" },
    version: "2",
    wishedAt: NOW - 1_000,
    origin: { kind: "webhook", deliveryId: "wish", event: "model_version_alias.created" },
    ...changes,
  };
}

function base(generation: number) {
  return {
    schema: 1,
    target: "churn",
    generation,
    sequence: 4,
    promotion: promotion(),
    model: model(),
    policyId: "policy",
    notify: ["log", "slack"],
    createdAt: NOW - 60_000,
    work: {},
  } as const;
}

export function running(changes: Partial<Running> = {}): Running {
  return { ...base(GENERATION), ...firstStep(NOW), ...changes };
}

export function waiting(changes: Partial<Waiting> = {}): Waiting {
  return { ...base(GENERATION + 5), sequence: 1, model: model("3"), phase: "Waiting", resumeAt: NOW, ...changes };
}

export function succeeded(changes: Partial<Succeeded> = {}): Succeeded {
  const phase = "Succeeded";
  return { ...base(GENERATION), phase, endedAt: NOW, changed: true, serving: stable("2", GENERATION), ...changes };
}

export function unsuccessful(changes: Partial<Unsuccessful> = {}): Unsuccessful {
  const problem = failed("gate-failed", "accuracy is 0.8");
  return { ...base(GENERATION), phase: "Rejected", endedAt: NOW, changed: false, problem, ...changes };
}

/** The release that version 1 was proven with. */
export function stable(version = "1", generation = GENERATION - 100): StableRelease {
  return {
    releaseId: `release-${version}`,
    image: `registry/churn@sha256:${version}`,
    model: identity(version),
    generation,
    policyId: "policy",
  };
}

/** A target on which `running()` is under way and version 1 was proven. */
export function target(changes: Partial<Target> = {}): Target {
  return { ...newTarget("churn"), generation: GENERATION, active: GENERATION, stable: stable(), ...changes };
}

/** The same without anything to go back to. */
export function firstTarget(changes: Partial<Target> = {}): Target {
  const { stable: _stable, ...rest } = target();
  return { ...rest, ...changes };
}

/** What a rollout knows once a save has said that it begins. */
export const BEGUN = {
  release: { id: "release-2", image: "registry/churn@sha256:2" },
  rollout: { begun: true, applied: true },
} as const;

export const found = {
  success: { result: "succeeded", found: "good" },
  running: (resumeAfterSeconds = 2): Outcome => ({ result: "running", resumeAfterSeconds, found: "not yet" }),
  failure: (code: ProblemCode = "container-dead"): Outcome => ({
    result: "failed",
    problem: failed(code, "bad"),
    found: "bad",
  }),
  transient: (retryAfterSeconds?: number): Outcome => ({
    result: "errored",
    transient: true,
    problem: errored("unreachable", "no answer"),
    found: "no answer",
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  }),
  permanent: (code: ProblemCode = "access-denied"): Outcome => ({
    result: "errored",
    transient: false,
    problem: errored(code, "no"),
    found: "no",
  }),
  foreignChange: {
    result: "errored",
    transient: false,
    hold: true,
    problem: errored("foreign-change", "a token that is not ours"),
    found: "a token that is not ours",
  },
} as const satisfies Record<string, Outcome | ((...given: never[]) => Outcome)>;
