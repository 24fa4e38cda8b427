import type { BuildRequest } from "../../../shared/ports/image-builder.ts";
import type { SimulatedBuilds } from "../world/build-service.ts";
import type { Evidence } from "./checks.ts";
import { readRow } from "./records.ts";

/** Follows builds and images; what it returns is what workers are to use. */
export function watchBuilds(evidence: Evidence, builds: SimulatedBuilds): SimulatedBuilds {
  const { images, builder } = builds;
  return {
    ...builds,
    builder: {
      ...builder,
      start: (request, signal) => {
        checkStart(evidence, request);
        return builder.start(request, signal);
      },
    },
    images: {
      ...images,
      lock: (repository, digest, signal) => {
        evidence.locked.set(`${evidence.workers.currentId()}|${repository}@${digest}`, evidence.scheduler.now());
        return images.lock(repository, digest, signal);
      },
      remove: async (repository, digest, signal) => {
        const removed = await images.remove(repository, digest, signal);
        for (const { name, stable } of evidence.targets.values())
          if (removed === "removed" && stable?.image.endsWith(`${repository}@${digest}`) === true)
            evidence.fail("I4", `the stable image of ${name} was removed`);
        return removed;
      },
      exists: (repository, digest, signal) => {
        evidence.lookedFor.set(`${evidence.workers.currentId()}|${repository}@${digest}`, evidence.scheduler.now());
        return images.exists(repository, digest, signal);
      },
    },
  };
}

/** A side effect is named before it is made. */
function checkStart(
  { records, fail, table, builds, plan, named }: Evidence,
  { name, sourcePath, images }: BuildRequest,
): void {
  const all = [...records.values()].flatMap((known) => [...known.values()]);
  if (!named.has(`${name}|${sourcePath}`)) {
    fail("I2", `build ${name} was asked for before any save named it and its source`);
    return;
  }
  const key = name.slice("belay-".length, name.lastIndexOf("-"));
  const row = table.rows("build").find(({ rowKey }) => rowKey === key);
  const known = readRow<{ attempt: number; sourcePath?: string }>(row);
  if (known?.sourcePath !== undefined && name.endsWith(`-${known.attempt}`) && known.sourcePath !== sourcePath)
    fail("I2", `build ${name} was asked for with another source than the one that was first`);
  const version = (images[0] ?? "").split(":")[1]?.split("-")[0] ?? "";
  // Where the builder itself is down, each of its failures is another attempt.
  if (plan.fates[version]?.build !== "broken" || plan.troubles.some(({ kind }) => kind === "builder-down")) return;
  const deployments = all.filter(({ model }) => model.version === version).length;
  const runs = new Set(
    builds
      .started()
      .map((run) => run.name)
      .filter((run) => run.startsWith(`belay-${key}`)),
  ).size;
  if (runs > deployments)
    fail("I2", `version ${version} cannot be built, and was built ${runs} times for ${deployments} deployments`);
}
