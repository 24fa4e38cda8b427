import { type Defect, defect, patch } from "./defect.ts";

const BUILD = "shared/steps/build.ts";

/** What is built, under which name, and how it is referred to. */
export const BUILDING: readonly Defect[] = [
  defect(
    "image-by-tag",
    "I4",
    "The workload names its image by tag, which may point to another image by the time of a rollback.",
    patch(BUILD, "{ key, repository }: ImageNames,\n  digest", "{ key, repository, tag }: ImageNames,\n  digest"),
    patch(
      BUILD,
      "const release = renderRelease(base, policy, deployment.model, image, samples, served);",
      "const byTag = `${images.loginServer}/${repository}:${tag}`;\n" +
        "    const release = { ...renderRelease(base, policy, deployment.model, byTag, samples, served), image };",
    ),
  ),
  defect(
    "build-without-attempt",
    "attempt-in-name",
    "Every attempt of a build has the same name, and a run that failed never runs again.",
    patch("shared/steps/build-attempts.ts", "return `belay-${key}-${attempt}`;", "return `belay-${key}`;"),
  ),
  defect(
    "build-asked-before-saved",
    "I2",
    "The build is asked for before its source and name are saved, and after a crash with another source.",
    patch(BUILD, "  { key }: ImageNames,\n  known: Versioned", "  names: Names,\n  known: Versioned"),
    patch(
      BUILD,
      "  const record = { key, attempt: known?.value.attempt ?? 1, sourcePath };\n",
      "  const { key } = names;\n" +
        "  const record = { key, attempt: known?.value.attempt ?? 1, sourcePath };\n" +
        "  const started = { ...record, taskRun: taskRunName(key, record.attempt) };\n" +
        "  await builder.start(requestOf(policy, names, started), signal);\n",
    ),
  ),
  defect(
    "second-source-kept",
    "I2",
    "A worker that was second to upload a source goes on with its own.",
    patch(
      BUILD,
      '  if ((await store.saveBuild(record, known?.etag)) === "saved") return record;\n' +
        "  const first = (await store.readBuild(key))?.value;\n" +
        "  if (hasSource(first)) return first;\n" +
        '  throw new TransientError("build-service", "Another deployment\'s build of the same image failed meanwhile.");\n',
      "  await store.saveBuild(record, known?.etag);\n  return record;\n",
    ),
  ),
  defect(
    "built-image-not-looked-for",
    "I4",
    "A build that says it succeeded is believed, although its image is not in the registry.",
    patch(
      BUILD,
      "digest === undefined || !(await images.exists(names.repository, digest, visiting.signal))",
      "digest === undefined",
    ),
  ),
  defect(
    "broken-build-tried-again",
    "I2",
    "A broken Dockerfile is built again under the next attempt, as if the builder were at fault.",
    patch(
      BUILD,
      '      return state.cause === "broken"\n' +
        "        ? broken(dependencies, withLog(work, state.logLink), state)\n" +
        "        : nextAttempt(",
      "      return nextAttempt(",
    ),
  ),
];
