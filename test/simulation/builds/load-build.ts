import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { applyPatches, type Build } from "./patches.ts";

/** What the simulator runs of a build. */
export interface Modules {
  composition: typeof import("../../../shared/composition.ts");
  consumers: typeof import("../../../shared/steps/consumers.ts");
  store: typeof import("../../../shared/adapters/tables/deployment-store.ts");
  deadLetters: typeof import("../../../functions/dead-letters.ts");
  deployments: typeof import("../../../functions/deployments.ts");
  health: typeof import("../../../functions/health.ts");
  mlflowWebhook: typeof import("../../../functions/mlflow-webhook.ts");
  queues: typeof import("../../../functions/queues.ts");
  targets: typeof import("../../../functions/targets.ts");
  timers: typeof import("../../../functions/timers.ts");
}

/** Entry modules by name, each as a path relative to the root; `M` says what they are. */
export type Entries<M extends object> = Readonly<Record<keyof M, string>>;

export const ENTRIES: Entries<Modules> = {
  composition: "shared/composition.ts",
  consumers: "shared/steps/consumers.ts",
  store: "shared/adapters/tables/deployment-store.ts",
  deadLetters: "functions/dead-letters.ts",
  deployments: "functions/deployments.ts",
  health: "functions/health.ts",
  mlflowWebhook: "functions/mlflow-webhook.ts",
  queues: "functions/queues.ts",
  targets: "functions/targets.ts",
  timers: "functions/timers.ts",
};

/** Of this file all builds have the one that a plain import has. */
const SHARED = "shared/domain/errors.ts";
const NAME = /^[a-z0-9-]+$/;
const ROOT = new URL("../../../", import.meta.url);

interface Known {
  patches: string;
  /** Patched sources by file. */
  sources: ReadonlyMap<string, string>;
}

const builds = new Map<string, Known>();

/**
 * The entry modules of a build and all they import of `shared/` and `functions/`, beside those of other builds in the
 * same thread, on plain Node: a build has modules, classes and state of its own, the same at every call. Packages,
 * stand-ins and test files exist once for all.
 *
 * So do the error classes: every build has `shared/domain/errors.ts` as a plain import has it. A fake that two builds
 * share throws the `TransientError` it imported, and `instanceof` knows it in each. No build can patch that file, and a
 * class of any other file must not be thrown from one build to another.
 * @throws Error when a patch does not match its file, or another build has the name.
 */
export async function loadBuild<M extends object>(build: Build, entries: Entries<M>): Promise<Readonly<M>> {
  if (builds.size === 0) registerHooks({ resolve: resolveInBuild, load: loadInBuild });
  remember(build);
  const modules: Record<string, unknown> = {};
  for (const [name, file] of Object.entries<string>(entries)) modules[name] = await import(urlOf(file, build.name));
  // The entries' types are those of the sources; a patch changes what they do.
  return modules as M;
}

function remember(build: Build): void {
  const patches = JSON.stringify(build.patches);
  const known = builds.get(build.name);
  if (known !== undefined && known.patches !== patches) throw new Error(`Another build has the name ${build.name}.`);
  if (known === undefined) builds.set(build.name, { patches, sources: sourcesOf(build) });
}

/** Every patched file, also one that is only loaded later: what does not match is said at once. */
function sourcesOf(build: Build): ReadonlyMap<string, string> {
  if (!NAME.test(build.name)) throw new Error(`A build's name is not like first-build: ${build.name}`);
  const files = new Set(build.patches.map(({ file }) => file));
  return new Map(
    [...files].map((file) => {
      if (!isOfBuilds(urlOf(file))) throw new Error(`Build ${build.name}: ${file} is the same in all builds.`);
      return [file, applyPatches(build, file, readFileSync(new URL(file, ROOT), "utf8"))];
    }),
  );
}

/** The files of which each build has its own. */
function isOfBuilds(url: string): boolean {
  const file = fileOf(url);
  return /^(?:shared|functions)\//.test(file) && file !== SHARED;
}

function urlOf(file: string, build?: string): string {
  const url = new URL(file, ROOT);
  if (build !== undefined && isOfBuilds(url.href)) url.searchParams.set("build", build);
  return url.href;
}

/** Relative to the root; an address outside of it stays as it is. */
function fileOf(url: string): string {
  const { href, search } = new URL(url);
  return href.slice(0, href.length - search.length).replace(ROOT.href, "");
}

function buildOf(url: string | undefined): string | undefined {
  return url === undefined || !url.startsWith(ROOT.href)
    ? undefined
    : (new URL(url).searchParams.get("build") ?? undefined);
}

/** What a build's module imports is of the same build. */
const resolveInBuild: NonNullable<Parameters<typeof registerHooks>[0]["resolve"]> = (specifier, context, next) => {
  const resolved = next(specifier, context);
  const build = buildOf(context.parentURL);
  if (build === undefined || !isOfBuilds(resolved.url)) return resolved;
  return { ...resolved, url: urlOf(fileOf(resolved.url), build) };
};

/** Patched before Node strips the types. */
const loadInBuild: NonNullable<Parameters<typeof registerHooks>[0]["load"]> = (url, context, next) => {
  const loaded = next(url, context);
  const source = builds.get(buildOf(url) ?? "")?.sources.get(fileOf(url));
  return source === undefined ? loaded : { ...loaded, source };
};
