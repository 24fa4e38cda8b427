import type { BuildWork } from "../domain/deployment.ts";
import { canonicalJson } from "../domain/digest.ts";
import { TransientError } from "../domain/errors.ts";
import { InvalidManifestError } from "../domain/manifest.ts";
import { describeModel } from "../domain/model.ts";
import type { Outcome } from "../domain/outcome.ts";
import type { TargetPolicy } from "../domain/policy.ts";
import { errored, failed } from "../domain/problem.ts";
import type { KubernetesObject } from "../domain/release.ts";
import { renderRelease } from "../domain/render-release.ts";
import type { OpenCluster } from "../ports/cluster.ts";
import type { BuildRecord, DeploymentStore, Versioned } from "../ports/deployment-store.ts";
import type { BuildState, ImageBuilder } from "../ports/image-builder.ts";
import type { ImageRegistry } from "../ports/image-registry.ts";
import type { ModelRegistry } from "../ports/model-registry.ts";
import type { SourceTemplate } from "../ports/source-template.ts";
import { moveOn, taskRunName } from "./build-attempts.ts";
import { openContext, totalBytes } from "./build-context.ts";
import { type ImageNames, imageNamesOf } from "./image-names.ts";
import { lockImage } from "./lock-image.ts";
import { readSamples } from "./samples.ts";
import { servedKinds } from "./served-kinds.ts";
import type { StepHandler, Visiting } from "./step.ts";

export interface BuildDependencies {
  store: DeploymentStore;
  registry: ModelRegistry;
  builder: ImageBuilder;
  images: ImageRegistry;
  openCluster: OpenCluster;
  readTemplate: (policy: TargetPolicy) => Promise<SourceTemplate>;
  readManifests: (policy: TargetPolicy) => Promise<readonly KubernetesObject[]>;
}

/** Seconds between looks: half of the time already passed, within these bounds. */
const FIRST_LOOK_SECONDS = 1;
const LARGEST_LOOK_SECONDS = 60;

/** Builds the image under its key, or finds it built; then renders and stores the release. */
export function createBuild(dependencies: BuildDependencies): StepHandler {
  return async (visiting) => {
    const template = await dependencies.readTemplate(visiting.policy);
    const names = imageNamesOf(visiting.deployment.model, visiting.policy, template);
    const work = visiting.deployment.work.build;
    if (work?.taskRun === undefined || work.sourcePath === undefined || work.key !== names.key)
      return prepare(dependencies, visiting, template, names);
    return lookOrStart(dependencies, visiting, names, { ...work, taskRun: work.taskRun, sourcePath: work.sourcePath });
  };
}

/** First visit: an image under this key is not built again; else the context is uploaded and its path saved. */
async function prepare(
  dependencies: BuildDependencies,
  visiting: Visiting,
  template: SourceTemplate,
  names: ImageNames,
): Promise<Outcome> {
  const { store, images } = dependencies;
  const built = await images.digestOf(names.repository, names.tag, visiting.signal);
  // Locked and then looked for: retention may be about to remove what nobody has needed for long.
  if (built !== undefined && (await lockImage(images, imageOf(images, names, built), visiting.signal)))
    return render(dependencies, visiting, names, built, "the image was built before");
  const found = await store.readBuild(names.key);
  const known = hasSource(found?.value) ? found.value : await upload(dependencies, visiting, template, names, found);
  if ("result" in known) return known;
  const work: BuildWork = {
    key: names.key,
    attempt: known.attempt,
    taskRun: taskRunName(names.key, known.attempt),
    sourcePath: known.sourcePath,
    startedAt: visiting.now,
  };
  return {
    result: "running",
    resumeAfterSeconds: 0,
    found: `context uploaded for ${work.taskRun}`,
    work: { build: work },
  };
}

type Sourced = BuildRecord & Required<Pick<BuildRecord, "sourcePath">>;

function hasSource(record: BuildRecord | undefined): record is Sourced {
  return record?.sourcePath !== undefined;
}

/** Uploads the context and records its path; where another worker was first, its path is taken. */
async function upload(
  { store, registry, builder }: BuildDependencies,
  { deployment, policy, signal }: Visiting,
  template: SourceTemplate,
  { key }: ImageNames,
  known: Versioned<BuildRecord> | undefined,
) {
  const version = deployment.model;
  const artifacts = await registry.listArtifacts(version, signal);
  const bytes = totalBytes(artifacts);
  if (bytes > policy.build.maxContextBytes) {
    const message = `${describeModel(version)} has ${bytes} bytes of artifacts; build.maxContext allows ${policy.build.maxContextBytes}.`;
    return { result: "failed", problem: failed("build-too-large", message), found: message } as const;
  }
  const sourcePath = await builder.uploadContext(
    await openContext(registry, { template, version, artifacts }, signal),
    signal,
  );
  const record = { key, attempt: known?.value.attempt ?? 1, sourcePath };
  if ((await store.saveBuild(record, known?.etag)) === "saved") return record;
  const first = (await store.readBuild(key))?.value;
  if (hasSource(first)) return first;
  throw new TransientError("build-service", "Another deployment's build of the same image failed meanwhile.");
}

type Started = BuildWork & Required<Pick<BuildWork, "taskRun" | "sourcePath">>;

/** Later visits: look; ask for the build where nobody did; act on what it came to. */
async function lookOrStart(
  dependencies: BuildDependencies,
  visiting: Visiting,
  names: ImageNames,
  work: Started,
): Promise<Outcome> {
  const state = await dependencies.builder.look(work.taskRun, visiting.signal);
  switch (state.kind) {
    case "absent":
      await dependencies.builder.start(requestOf(visiting.policy, names, work), visiting.signal);
      return {
        result: "running",
        resumeAfterSeconds: FIRST_LOOK_SECONDS,
        found: `build ${work.taskRun} asked for`,
        work: { build: { ...work, startedAt: visiting.now } },
      };
    case "running":
      return {
        result: "running",
        resumeAfterSeconds: lookAfter(visiting.now - (work.startedAt ?? visiting.now)),
        found: `build ${work.taskRun} is running`,
        work: { build: withLog(work, state.logLink) },
      };
    case "succeeded":
      return finish(dependencies, visiting, names, withLog(work, state.logLink), state.digest);
    case "failed":
      return state.cause === "broken"
        ? broken(dependencies, withLog(work, state.logLink), state)
        : nextAttempt(dependencies, withLog(work, state.logLink), `build ${work.taskRun}: ${state.message}`);
    default:
      return state satisfies never;
  }
}

function requestOf({ build }: TargetPolicy, { repository, tag }: ImageNames, { taskRun, sourcePath }: Started) {
  return {
    name: taskRun,
    sourcePath,
    images: [`${repository}:${tag}`],
    // `scratch` says that the Dockerfile names its own.
    arguments: build.baseImage === "scratch" ? {} : { BASE_IMAGE: build.baseImage },
    platform: build.platform,
    timeoutSeconds: build.timeoutSeconds,
  };
}

function lookAfter(passedMs: number): number {
  return Math.min(Math.max(passedMs / 2000, FIRST_LOOK_SECONDS), LARGEST_LOOK_SECONDS);
}

function withLog(work: Started, logLink: string | undefined): Started {
  return logLink === undefined ? work : { ...work, logLink };
}

/** The digest comes from the run, or from the registry where the run does not say; the image must be there. */
async function finish(
  dependencies: BuildDependencies,
  visiting: Visiting,
  names: ImageNames,
  work: Started,
  reported: string | undefined,
): Promise<Outcome> {
  const { images } = dependencies;
  const digest = reported ?? (await images.digestOf(names.repository, names.tag, visiting.signal));
  if (digest === undefined || !(await images.exists(names.repository, digest, visiting.signal)))
    return nextAttempt(dependencies, work, `build ${work.taskRun} succeeded, but its image is not in the registry`);
  return render(dependencies, visiting, names, digest, `built by ${work.taskRun}`, work);
}

/** The model's files or its Dockerfile are broken. A later wish for the same key builds under the next attempt. */
async function broken(
  dependencies: BuildDependencies,
  work: Started,
  state: Extract<BuildState, { kind: "failed" }>,
): Promise<Outcome> {
  await moveOn(dependencies.store, work.key, work.attempt);
  const message = `Build ${work.taskRun} failed: ${state.message}`;
  return {
    result: "failed",
    problem: failed("build-broken", message, state.lastLines),
    found: message,
    work: { build: work },
  };
}

/** The builder, not the build, is at fault: tried again under the next attempt's name. */
async function nextAttempt(dependencies: BuildDependencies, work: Started, found: string): Promise<Outcome> {
  await moveOn(dependencies.store, work.key, work.attempt);
  const { taskRun: _taskRun, sourcePath: _sourcePath, ...build } = work;
  return { result: "errored", transient: true, problem: errored("build-service", found), found, work: { build } };
}

function imageOf(
  { loginServer }: ImageRegistry,
  { repository }: Pick<ImageNames, "repository">,
  digest: string,
): string {
  return `${loginServer}/${repository}@${digest}`;
}

async function render(
  { store, registry, images, readManifests, openCluster }: BuildDependencies,
  { deployment, policy, signal }: Visiting,
  { key, repository }: ImageNames,
  digest: string,
  found: string,
  work: BuildWork = { key, attempt: 0 },
): Promise<Outcome> {
  const image = imageOf(images, { repository }, digest);
  try {
    const samples = await readSamples(registry, policy, deployment.model, signal);
    const base = await readManifests(policy);
    const served = await servedKinds(openCluster, policy, base, signal);
    const release = renderRelease(base, policy, deployment.model, image, samples, served);
    await store.putBundle(deployment.target, "release", release.id, canonicalJson(release));
    return {
      result: "succeeded",
      found: `${found}: ${digest}`,
      work: { build: work, release: { id: release.id, image } },
    };
  } catch (error) {
    if (!(error instanceof InvalidManifestError)) throw error;
    return { result: "failed", problem: failed("release-invalid", error.message), found: error.message };
  }
}
