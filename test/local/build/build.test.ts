import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { type BuiltApp, buildApp } from "../../../infra/local/build/build.ts";
import { bundledPackages, packagesLoadedAtStart, staticChunks } from "../../../infra/local/build/bundle-contents.ts";
import { startHostProcess } from "../functions-host/host-process.ts";

const root = resolve(import.meta.dirname, "../../..");
const heavy = join(import.meta.dirname, "apps/heavy/index.ts");

function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "build-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return directory;
}

/** A project without dependencies: the given files, and what every project has. */
function writeProject(files: Readonly<Record<string, string>>): string {
  const directory = temporaryDirectory();
  const always = {
    "package.json": '{"name":"small","version":"1.2.3","devDependencies":{"x":"1.0.0"}}',
    "package-lock.json": '{"packages":{}}',
    "functions/index.ts": "export const answer: number = 42;\n",
    "host.json": '{"version":"2.0"}',
  };
  for (const [path, content] of Object.entries({ ...always, ...files })) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), content);
  }
  return directory;
}

const manifest = z.object({
  dependencies: z.record(z.string(), z.string()).default({}),
  optionalDependencies: z.record(z.string(), z.string()).default({}),
  peerDependencies: z.record(z.string(), z.string()).default({}),
});

/** Directories of every installed package that the project's dependencies lead to, found as Node finds them. */
function reachablePackages(): Set<string> {
  const reached = new Set<string>();
  const visit = (directory: string, names: readonly string[]) => {
    for (const name of names) {
      const found = findPackage(directory, name);
      if (found === undefined || reached.has(found)) continue;
      reached.add(found);
      const read = manifest.parse(JSON.parse(readFileSync(join(root, found, "package.json"), "utf8")));
      visit(found, Object.keys({ ...read.dependencies, ...read.optionalDependencies, ...read.peerDependencies }));
    }
  };
  visit("", Object.keys(manifest.parse(JSON.parse(readFileSync(join(root, "package.json"), "utf8"))).dependencies));
  return reached;
}

function findPackage(from: string, name: string): string | undefined {
  for (let directory = from; ; directory = directory.slice(0, Math.max(directory.lastIndexOf("/node_modules/"), 0))) {
    const candidate = join(directory, "node_modules", name);
    if (existsSync(join(root, candidate, "package.json"))) return candidate;
    if (directory === "") return undefined;
  }
}

describe("an app that loads its SDKs when a handler needs them", () => {
  let outdir: string;
  let built: BuiltApp;
  beforeAll(async () => {
    outdir = mkdtempSync(join(tmpdir(), "build-"));
    built = await buildApp({ entry: heavy, outdir, root });
  });
  afterAll(() => rmSync(outdir, { recursive: true }));

  test("is deployed without a dev dependency", () => {
    const reachable = reachablePackages();
    const bundled = bundledPackages(built.metafile);
    expect(bundled).toContain("node_modules/@azure/service-bus");
    expect(bundled.filter((path) => !reachable.has(path))).toEqual([]);
  });

  test("loads nothing but the Functions library at its start", () => {
    expect(packagesLoadedAtStart(built.metafile)).toEqual([
      "@azure/functions",
      "@azure/functions-extensions-base",
      "cookie",
    ]);
    const bytes = staticChunks(built.metafile).map((chunk) => built.metafile.outputs[chunk]?.bytes ?? 0);
    expect(bytes.reduce((sum, one) => sum + one, 0)).toBeLessThan(300_000);
  });

  test("runs in the host from outside the project, and every SDK loads from the bundle", async () => {
    const host = await startHostProcess({ appDirectory: outdir });
    const answer = await fetch(`${host.url}/api/load`);
    expect([answer.status, await answer.text()]).toEqual([200, "6"]);
    expect(host.lines.filter(({ level }) => level === "warning" || level === "error")).toEqual([]);
  });

  test("has a source map beside each chunk, which no chunk names", () => {
    const code = built.outputs.filter(({ path }) => path.endsWith(".js")).map(({ path }) => path);
    const maps = built.outputs.filter(({ path }) => path.endsWith(".js.map")).map(({ path }) => path);
    expect(maps).toEqual(code.map((path) => `${path}.map`));
    expect(readFileSync(join(outdir, "index.js"), "utf8")).not.toContain("sourceMappingURL=index.js.map");
  });

  test("is told apart from one that loads them at its start", async () => {
    const entry = join(temporaryDirectory(), "index.ts");
    writeFileSync(entry, `import "${join(root, "node_modules/@azure/data-tables/dist/esm/index.js")}";`);
    const loadedWhenUsed = ["@azure/data-tables", "@azure/identity"];
    const early = buildApp({ entry, outdir: temporaryDirectory(), root, loadedWhenUsed });
    await expect(early).rejects.toThrow(
      "Loaded at start, but must be imported where they are used: @azure/data-tables",
    );
  });

  test("is told apart from one that deploys a dev dependency", async () => {
    const entry = join(temporaryDirectory(), "index.ts");
    writeFileSync(entry, `import "${join(root, "node_modules/croner/dist/croner.js")}";`);
    const wrong = buildApp({ entry, outdir: temporaryDirectory(), root });
    await expect(wrong).rejects.toThrow("Dev dependencies would be deployed: node_modules/croner");
  });
});

describe("what is deployed beside the code", () => {
  const build = async (files: Readonly<Record<string, string>>) => {
    const project = writeProject(files);
    const outdir = join(project, "dist");
    const { outputs } = await buildApp({ entry: join(project, "functions/index.ts"), outdir, root: project });
    return { outdir, paths: outputs.map(({ path }) => path), project };
  };

  test("is configuration, manifests and queues where they were, and no local settings", async () => {
    const { outdir, paths } = await build({
      "delivery.yaml": "a: 1\n",
      "infra/queues.json": "{}",
      "infra/kubernetes/deployment.yaml": "b: 2\n",
      "infra/kubernetes/setup/role.yaml": "c: 3\n",
      "infra/kubernetes/README.md": "no",
      "infra/serving/app/server.py": "d = 4\n",
      "infra/local/secret.yaml": "no",
      "local.settings.json": "{}",
      "local.settings.sample.json": "{}",
    });
    expect(paths).toEqual([
      "delivery.yaml",
      "host.json",
      "index.js",
      "index.js.map",
      "infra/kubernetes/deployment.yaml",
      "infra/kubernetes/setup/role.yaml",
      "infra/queues.json",
      "infra/serving/app/server.py",
      "package.json",
    ]);
    expect(readFileSync(join(outdir, "infra/kubernetes/setup/role.yaml"), "utf8")).toBe("c: 3\n");
  });

  test("is a package.json that names the entry and depends on nothing", async () => {
    const { outdir } = await build({});
    expect(JSON.parse(readFileSync(join(outdir, "package.json"), "utf8"))).toEqual({
      name: "small",
      version: "1.2.3",
      private: true,
      type: "module",
      main: "index.js",
    });
  });

  test("is nothing that an earlier build left behind", async () => {
    const { paths } = await build({ "dist/old.js": "" });
    expect(paths).not.toContain("old.js");
  });

  test("is never put in place of the project", async () => {
    const project = writeProject({});
    const onto = buildApp({ entry: join(project, "functions/index.ts"), outdir: dirname(project), root: project });
    await expect(onto).rejects.toThrow("holds the project");
    expect(existsSync(join(project, "package.json"))).toBe(true);
  });

  test("is missing when the code does not compile", async () => {
    const wrong = build({ "functions/index.ts": 'import "./nowhere.ts";\n' });
    await expect(wrong).rejects.toThrow('Could not resolve "./nowhere.ts"');
  });
});
