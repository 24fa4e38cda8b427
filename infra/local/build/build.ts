import { cpSync, globSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { build, type Metafile } from "esbuild";
import { z } from "zod";
import { developmentPackages, packagesLoadedAtStart } from "./bundle-contents.ts";

export interface BuildOptions {
  /** The file that registers every function. */
  readonly entry: string;
  /** Emptied first; becomes a complete Functions app. */
  readonly outdir: string;
  /** The project: package.json, package-lock.json, host.json, and what is deployed beside the code. */
  readonly root: string;
  /** Packages that must not be loaded before a handler asks for them. Default: none. */
  readonly loadedWhenUsed?: readonly string[];
}

export interface BuiltApp {
  /** Every file of the app, relative to outdir, with its size. */
  readonly outputs: readonly { readonly path: string; readonly bytes: number }[];
  readonly metafile: Metafile;
}

/** What is deployed beside the code; local.settings.json never is. */
const COPIED = [
  "host.json",
  "delivery.yaml",
  "infra/kubernetes/**/*.yaml",
  "infra/queues.json",
  "infra/serving/**",
  // `**` leaves out what begins with a dot.
  "infra/serving/.dockerignore",
];

/** The Functions worker gives the first; `debug` tries the second, which only dev dependencies bring, and goes on without. */
const EXTERNAL = ["@azure/functions-core", "supports-color"];

// CommonJS inside an ESM bundle still calls require for what Node has built in.
const REQUIRE =
  'import { createRequire as createRequireOfBundle } from "node:module"; const require = createRequireOfBundle(import.meta.url);';

const packageJson = z.object({ name: z.string(), version: z.string() });

/** Bundles the app to ESM chunks; throws when it would deploy a dev dependency, or load at start what must wait. */
export async function buildApp(options: BuildOptions): Promise<BuiltApp> {
  const root = resolve(options.root);
  const outdir = resolve(options.outdir);
  if (`${root}${sep}`.startsWith(`${outdir}${sep}`))
    throw new Error(`${outdir} holds the project; it will not be emptied`);
  rmSync(outdir, { recursive: true, force: true });
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: { index: resolve(options.entry) },
    outdir,
    bundle: true,
    format: "esm",
    splitting: true,
    platform: "node",
    target: "node22",
    mainFields: ["module", "main"],
    chunkNames: "chunks/[name]-[hash]",
    sourcemap: "external",
    banner: { js: REQUIRE },
    external: EXTERNAL,
    metafile: true,
    logLevel: "silent",
  });
  refuse(
    "Dev dependencies would be deployed",
    developmentPackages(metafile, readFileSync(join(root, "package-lock.json"), "utf8")),
  );
  const early = packagesLoadedAtStart(metafile).filter((name) => options.loadedWhenUsed?.includes(name));
  refuse("Loaded at start, but must be imported where they are used", early);
  copyFiles(root, outdir);
  writePackageJson(root, outdir);
  return { outputs: listFiles(outdir), metafile };
}

function refuse(what: string, packages: readonly string[]): void {
  if (packages.length > 0) throw new Error(`${what}: ${packages.join(", ")}`);
}

function copyFiles(root: string, outdir: string): void {
  for (const path of globSync(COPIED, { cwd: root })) {
    if (statSync(join(root, path)).isDirectory()) continue;
    mkdirSync(dirname(join(outdir, path)), { recursive: true });
    cpSync(join(root, path), join(outdir, path));
  }
}

/** Names the entry for the Functions worker; everything else is in the bundle, so it depends on nothing. */
function writePackageJson(root: string, outdir: string): void {
  const { name, version } = packageJson.parse(JSON.parse(readFileSync(join(root, "package.json"), "utf8")));
  const written = { name, version, private: true, type: "module", main: "index.js" };
  writeFileSync(join(outdir, "package.json"), `${JSON.stringify(written, undefined, 2)}\n`);
}

function listFiles(outdir: string): { path: string; bytes: number }[] {
  return globSync("**/*", { cwd: outdir, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => ({ path: relative(outdir, path), bytes: statSync(path).size }));
}
