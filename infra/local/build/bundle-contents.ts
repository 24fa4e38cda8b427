import type { Metafile } from "esbuild";
import { z } from "zod";

const lockfile = z.object({
  packages: z.record(z.string(), z.object({ dev: z.boolean().optional(), devOptional: z.boolean().optional() })),
});

/** Installed packages of which a file is in the bundle, as paths from the project (`node_modules/a/node_modules/b`). */
export function bundledPackages(metafile: Metafile): string[] {
  return unique(Object.keys(metafile.inputs).map(packagePath));
}

/** Bundled packages that package-lock.json reaches through dev dependencies only, or not at all. */
export function developmentPackages(metafile: Metafile, packageLock: string): string[] {
  const { packages } = lockfile.parse(JSON.parse(packageLock));
  return bundledPackages(metafile).filter((path) => {
    const locked = packages[path];
    return locked === undefined || locked.dev === true || locked.devOptional === true;
  });
}

/** Names of the packages in the entry's chunk and in all it imports statically: what a cold start loads. */
export function packagesLoadedAtStart(metafile: Metafile): string[] {
  const inputs = staticChunks(metafile).flatMap((chunk) => Object.keys(metafile.outputs[chunk]?.inputs ?? {}));
  return unique(inputs.map(packagePath)).map((path) =>
    path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length),
  );
}

/** The entry's output and every output it imports statically, directly or not. */
export function staticChunks(metafile: Metafile): string[] {
  const [entry] =
    Object.entries(metafile.outputs).find(
      ([path, { entryPoint }]) => entryPoint !== undefined && path.endsWith("index.js"),
    ) ?? [];
  const reached = new Set(entry === undefined ? [] : [entry]);
  for (const chunk of reached) {
    const imports = metafile.outputs[chunk]?.imports ?? [];
    for (const { path, kind, external } of imports)
      if (kind === "import-statement" && external !== true) reached.add(path);
  }
  return [...reached];
}

/** From the first `node_modules` on: the folder itself may be a link to somewhere else. */
function packagePath(input: string): string | undefined {
  return /(?<=^|\/)node_modules\/(?:.*\/node_modules\/)?(?:@[^/]+\/)?[^/]+/.exec(input)?.[0];
}

function unique(values: readonly (string | undefined)[]): string[] {
  return [...new Set(values)].filter((value) => value !== undefined).sort();
}
