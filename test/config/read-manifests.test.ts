import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseManifests, readManifests } from "../../shared/config/read-manifests.ts";
import { InvalidManifestError } from "../../shared/domain/manifest.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "manifests-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const config = (name: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name} }\n`;

describe("a folder", () => {
  test("gives every document of its YAML files, by the files' names, and leaves the rest aside", async () => {
    writeFileSync(join(folder, "b.yaml"), config("last"));
    writeFileSync(join(folder, "a.yml"), `# first\n---\n${config("one")}---\n${config("two")}---\n`);
    writeFileSync(join(folder, "README.md"), "no manifest");
    mkdirSync(join(folder, "setup"));
    writeFileSync(join(folder, "setup/namespace.yaml"), config("setup"));
    expect((await readManifests(folder)).map(({ metadata }) => metadata.name)).toEqual(["one", "two", "last"]);
  });

  test("that is not there, or holds no manifest, is refused by its name", async () => {
    await expect(readManifests(join(folder, "missing"))).rejects.toThrow(/missing cannot be read/);
    await expect(readManifests(folder)).rejects.toThrow(/holds 0 YAML files/);
  });

  test.each(["kustomization.yaml", "kustomization.yml", "Kustomization"])(
    "that is a kustomization (%s) is refused with how to build it",
    async (name) => {
      writeFileSync(join(folder, name), "resources: [a.yaml]");
      writeFileSync(join(folder, "a.yaml"), config("one"));
      await expect(readManifests(folder)).rejects.toThrow(/is a kustomization.*kubectl kustomize .* -o /);
    },
  );
});

describe("a file that is no manifest is refused with file and line", () => {
  test.each([
    { name: "no YAML", text: "a: [", message: /^f\.yaml:1: / },
    { name: "a key twice", text: `${config("a")}kind: Service\n`, message: /^f\.yaml:4: Map keys must be unique/ },
    {
      name: "no kind",
      text: `${config("a")}---\napiVersion: v1\nmetadata: { name: b }\n`,
      message: /^f\.yaml:[45]: kind: /,
    },
    {
      name: "no name",
      text: "apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n",
      message: /^f\.yaml:1: metadata\.name: /,
    },
    {
      name: "a label that is a number",
      text: "apiVersion: v1\nkind: A\nmetadata: { name: a, labels: { v: 1 } }\n",
      message: /metadata\.labels\.v: /,
    },
    {
      name: "a field that Kubernetes does not know",
      text: `${config("a")}---\napiVersion: apps/v1\nkind: Deployment\nmetadata: { name: b }\nspec:\n  replcas: 3\n`,
      message: /^f\.yaml:9: Deployment b: spec\.replcas is no field that Kubernetes knows\. Write replicas\.$/,
    },
    {
      name: "such a field deep in a list",
      text: `apiVersion: v1\nkind: Service\nmetadata: { name: b }\nspec:\n  ports:\n    - port: 80\n      colour: 1\n`,
      message: /^f\.yaml:7: Service b: spec\.ports\.0\.colour is no field that Kubernetes knows\. Remove it\.$/,
    },
    { name: "a list", text: "- 1", message: /^f\.yaml:1: / },
    { name: "aliases without end", text: bomb(), message: /^f\.yaml:1: / },
  ])("$name", ({ text, message }) => {
    expect(() => parseManifests("f.yaml", text)).toThrow(InvalidManifestError);
    expect(() => parseManifests("f.yaml", text)).toThrow(message);
  });
});

/** A small file that becomes a hundred million nodes. */
function bomb(): string {
  const levels = Array.from({ length: 8 }, (_, level) => `a${level + 1}: &a${level + 1} [${`*a${level},`.repeat(10)}]`);
  return `a0: &a0 [x]\n${levels.join("\n")}\n`;
}
