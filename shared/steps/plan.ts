import { type ObjectChange, removed } from "../domain/difference.ts";
import { PermanentError } from "../domain/errors.ts";
import { InvalidManifestError } from "../domain/manifest.ts";
import type { ModelVersion } from "../domain/model.ts";
import type { Step } from "../domain/pipeline.ts";
import type { TargetPolicy } from "../domain/policy.ts";
import { describePointer, type Promotion } from "../domain/promotion.ts";
import { objectKey, type Release } from "../domain/release.ts";
import { renderRelease } from "../domain/render-release.ts";
import type { Target } from "../domain/target.ts";
import type { Clock } from "../ports/clock.ts";
import { STRATEGIES } from "../strategies/index.ts";
import type { BuildDependencies } from "./build.ts";
import { comparePreviews } from "./drift.ts";
import { findKept } from "./find-kept.ts";
import { imageNamesOf } from "./image-names.ts";
import { readWish } from "./read-wish.ts";
import { rulesOf } from "./rules.ts";
import { servedKinds } from "./served-kinds.ts";
import { splitImage } from "./stored-release.ts";
import { wouldAccept } from "./would-accept.ts";

/** What taking a promotion would do now. Times are ISO 8601. */
export interface Plan {
  target: string;
  at: string;
  /** What is asked for, and whether it would be taken. */
  model: string;
  pointer: string;
  version?: string;
  decision: { code: "accept" | "refuse" | "repeat" | "nothing"; text: string };
  /** Undefined: the pointer names no version. */
  image?: { reference: string; state: "kept" | "built" | "to be built" };
  /** Objects that would be created or changed, field by field, and what would be removed after success. */
  objects: readonly PlannedChange[];
  /** What the deployment goes through, with its time bounds in seconds. */
  stages: readonly { stage: string; step: Step; timeoutSeconds: number }[];
  /** What would be put back if it does not serve well. */
  wayBack: { version?: string; ready: boolean; text: string };
}

export type PlannedChange = ObjectChange & { conflict?: string };

export type PlanDependencies = Omit<BuildDependencies, "builder"> & { policies: readonly TargetPolicy[]; clock: Clock };

const PLAN_MS = 60_000;

/**
 * What a promotion of what the target's pointer names would change, field by field, how long it may take, and how it
 * would go back. Nothing is changed. Errors: TransientError, PermanentError.
 */
export async function planTarget(dependencies: PlanDependencies, policy: TargetPolicy): Promise<Plan> {
  const signal = dependencies.clock.timeout(PLAN_MS);
  const { target, model, pointer } = policy;
  const promotion: Promotion = {
    ...{ id: `plan/${target}`, model, pointer, target },
    wishedAt: (await dependencies.store.readTarget(target)).now,
    // As if the pointer were moved there now.
    origin: { kind: "webhook", deliveryId: "plan", event: "plan" },
  };
  const { wish, now } = await readWish(dependencies, policy, promotion, signal);
  const { code, text } = await wouldAccept(dependencies, promotion, signal);
  const row = wish.target;
  const candidate =
    wish.found === undefined
      ? undefined
      : await findCandidate(dependencies, policy, row, wish.found, wish.policyId, signal);
  return {
    ...{ target, at: new Date(now).toISOString(), model, pointer: describePointer(pointer) },
    ...(wish.found === undefined ? {} : { version: wish.found.version }),
    decision: { code: code as Plan["decision"]["code"], text },
    ...(candidate === undefined ? {} : { image: candidate.image }),
    objects: candidate === undefined ? [] : await changesOf(dependencies, policy, row, candidate.release, signal),
    stages: stagesOf(policy, candidate?.image.state === "kept"),
    wayBack: await wayBackOf(dependencies, row, policy, signal),
  };
}

interface Candidate {
  release: Release;
  image: NonNullable<Plan["image"]>;
}

/** The release that is kept, or the one that would be rendered; of an image that is not built yet only the tag is known. */
async function findCandidate(
  dependencies: PlanDependencies,
  policy: TargetPolicy,
  target: Target,
  model: ModelVersion,
  policyId: string,
  signal: AbortSignal,
): Promise<Candidate> {
  const kept = await findKept(dependencies, { target, model, policy, policyId }, signal);
  if (kept !== undefined && (await isThere(dependencies, kept.stable.image, signal)))
    return { release: kept.release, image: { reference: kept.stable.image, state: "kept" } };
  return renderCandidate(dependencies, policy, model, signal);
}

async function renderCandidate(
  { images, readTemplate, readManifests, openCluster }: PlanDependencies,
  policy: TargetPolicy,
  model: ModelVersion,
  signal: AbortSignal,
): Promise<Candidate> {
  const { repository, tag } = imageNamesOf(model, policy, await readTemplate(policy));
  const digest = await images.digestOf(repository, tag, signal);
  const place = `${images.loginServer}/${repository}`;
  const reference = digest === undefined ? `${place}:${tag}` : `${place}@${digest}`;
  const base = await readManifests(policy);
  const served = await servedKinds(openCluster, policy, base, signal);
  try {
    const release = renderRelease(base, policy, model, reference, [], served);
    return { release, image: { reference, state: digest === undefined ? "to be built" : "built" } };
  } catch (error) {
    if (error instanceof InvalidManifestError) throw new PermanentError("release-invalid", error.message);
    throw error;
  }
}

function isThere({ images }: PlanDependencies, image: string, signal: AbortSignal): Promise<boolean> {
  const { repository, digest } = splitImage(image);
  return images.exists(repository, digest, signal);
}

/** What applying the release would change, and what would be left over of others once it is proven. */
async function changesOf(
  { openCluster }: PlanDependencies,
  policy: TargetPolicy,
  target: Target,
  release: Release,
  signal: AbortSignal,
): Promise<readonly PlannedChange[]> {
  const { cluster, previewer } = await openCluster(policy);
  const changed = await comparePreviews(previewer, release, target, signal);
  const own = new Set([...release.hashed, ...release.fixed].map(objectKey));
  // What carries no token is somebody else's, and stays.
  const others = (await cluster.listOwned(policy.target, signal)).filter(
    ({ reference, token }) => token !== undefined && !own.has(objectKey(reference)),
  );
  return [...changed, ...others.map(({ reference }) => removed(reference))];
}

function stagesOf(policy: TargetPolicy, isKept: boolean): Plan["stages"] {
  const { timeoutSeconds } = rulesOf(policy);
  const row = (stage: string, step: Step) => ({ stage, step, timeoutSeconds: timeoutSeconds[step] });
  const stages = STRATEGIES[policy.rollout.strategy](policy);
  return [
    row("before any change", "validate"),
    ...(isKept ? [] : [row("before any change", "build")]),
    ...stages.flatMap(({ name }) => [row(name, "rollout"), row(name, "verify")]),
  ];
}

async function wayBackOf(
  dependencies: PlanDependencies,
  { name, stable }: Target,
  { namespace, workload }: TargetPolicy,
  signal: AbortSignal,
): Promise<Plan["wayBack"]> {
  if (stable === undefined)
    return { ready: false, text: "Nothing was proven here yet: there is nothing to go back to." };
  const { version } = stable.model;
  if (!(await isThere(dependencies, stable.image, signal)))
    return { version, ready: false, text: `Its image ${stable.image} is not in the registry: it would be refused.` };
  const bundle = await dependencies.store.readBundle(name, "release", stable.releaseId);
  if (bundle === undefined)
    return { version, ready: false, text: "Its release is not in the table: it would be refused." };
  const runs = JSON.parse(bundle) as Release;
  if (runs.namespace !== namespace || runs.workload !== workload)
    return { version, ready: false, text: `It runs as ${runs.namespace}/${runs.workload}: another place is refused.` };
  return { version, ready: true, text: `Version ${version} would be put back as a whole: ${stable.image}.` };
}
