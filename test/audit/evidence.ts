import type {
  ClusterEvidence,
  DeploymentEvidence,
  Evidence,
  SeenObject,
  TargetEvidence,
} from "../../shared/audit/evidence.ts";
import type { Deployment, Succeeded } from "../../shared/domain/deployment.ts";
import { readPodTemplate } from "../../shared/domain/pod-template.ts";
import { objectKey, type Release } from "../../shared/domain/release.ts";
import { renderRelease } from "../../shared/domain/render-release.ts";
import type { WorkloadStatus } from "../../shared/domain/rollout-status.ts";
import type { StableRelease, Target } from "../../shared/domain/target.ts";
import type { Visit } from "../../shared/domain/visit.ts";
import { GENERATION, identity, model, NOW, promotion } from "../domain/build.ts";
import { BASE, policyFor } from "../pipeline/manifests.ts";

/** A release of version 2 that serves well, and everything that belongs to it. */
export const RELEASE: Release = renderRelease(BASE, policyFor(), identity(), "registry.test/churn@sha256:22", []);
export const ENDED_AT = NOW - 3_600_000;

export const STABLE: StableRelease = {
  releaseId: RELEASE.id,
  model: identity(),
  image: RELEASE.image,
  generation: GENERATION,
  policyId: "policy",
};

export const TARGET: Target = {
  schema: 1,
  name: "churn",
  generation: GENERATION,
  wanted: { model: identity(), policyId: "policy", generation: GENERATION },
  changing: false,
  changedBy: GENERATION,
  stable: STABLE,
  quarantine: [],
};

/** Version 2, accepted, built, rolled out, verified and live after five saves. */
export function live(changes: Partial<Succeeded> = {}): Succeeded {
  return {
    schema: 1,
    target: "churn",
    generation: GENERATION,
    sequence: 5,
    promotion: promotion(),
    model: model(),
    policyId: "policy",
    notify: ["log"],
    createdAt: ENDED_AT - 60_000,
    work: {},
    phase: "Succeeded",
    endedAt: ENDED_AT,
    changed: true,
    serving: STABLE,
    ...changes,
  };
}

export function visit(sequence: number, changes: Partial<Visit> = {}): Visit {
  return {
    target: "churn",
    generation: GENERATION,
    sequence,
    step: "verify",
    at: ENDED_AT,
    durationMs: 5,
    result: "running",
    found: "",
    next: "verify",
    resumeAt: ENDED_AT,
    ...changes,
  };
}

/** One visit for every save of the record, with these in place of the usual ones. */
export function historyOf(record: Deployment, changes: Readonly<Record<number, Partial<Visit>>> = {}): Visit[] {
  return Array.from({ length: record.sequence }, (_, index) => {
    const sequence = index + 1;
    const last = sequence === record.sequence && "endedAt" in record ? { next: record.phase } : {};
    return visit(sequence, { generation: record.generation, ...last, ...changes[sequence] });
  });
}

export function deployment(record: Deployment, changes: Partial<DeploymentEvidence> = {}): DeploymentEvidence {
  return { record, history: historyOf(record), told: record.notify, ...changes };
}

export const WORKLOAD: WorkloadStatus = {
  name: "churn",
  generation: 3,
  observedGeneration: 3,
  specReplicas: 3,
  replicas: 3,
  updatedReplicas: 3,
  availableReplicas: 3,
  template: readPodTemplate(RELEASE.fixed.at(-1)?.["spec"]),
};

export function seen(object: Release["fixed"][number], changes: Partial<SeenObject> = {}): SeenObject {
  return {
    described: `${object.kind} ${object.metadata.name}`,
    key: objectKey(object),
    present: true,
    token: { generation: GENERATION, sequence: 4 },
    ...changes,
  };
}

export const CLUSTER: ClusterEvidence = {
  workload: WORKLOAD,
  fixed: RELEASE.fixed.map((object) => seen(object)),
  owned: RELEASE.hashed.map((object) => seen(object)),
};

/** A target where everything is as it should be. */
export function target(changes: Partial<TargetEvidence> = {}): TargetEvidence {
  return {
    target: "churn",
    pointer: { described: "alias champion of churn-classifier", found: identity() },
    record: TARGET,
    deployments: [deployment(live())],
    builds: [],
    mayServeUnproven: false,
    stable: {
      release: RELEASE,
      imageExists: true,
      kept: [...RELEASE.hashed, ...RELEASE.fixed].map(objectKey),
    },
    cluster: CLUSTER,
    ...changes,
  };
}

export function evidence(...targets: readonly TargetEvidence[]): Evidence {
  return { now: NOW, targets };
}
