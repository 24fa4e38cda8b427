import { buffer } from "node:stream/consumers";
import { createGunzip } from "node:zlib";
import { extract } from "tar-stream";
import { describe, expect, it } from "vitest";
import { TransientError } from "../../shared/domain/errors.ts";
import type { ModelRegistry } from "../../shared/ports/model-registry.ts";
import { CARRIED_BYTES, openContext } from "../../shared/steps/build-context.ts";
import { createFakeRegistry } from "../fakes/fake-registry.ts";

const signal = AbortSignal.timeout(20_000);
const DOCKERFILE = "ARG PYTHON_VERSION=3.12\nFROM python:$PYTHON_VERSION\nCOPY model/ /m\n";
const ENV = (python: string) =>
  `python: ${python}\nbuild_dependencies:\n- pip==23.2.1\ndependencies:\n- -r requirements.txt\n`;
const MLMODEL = (python: string) =>
  `flavors:\n  python_function:\n    python_version: ${python}\n    env: conda.yaml\n`;

async function unpack(registry: ModelRegistry, name: string, dockerfile = DOCKERFILE, large = 0) {
  const version = await registry.readVersion(name, "1", signal);
  if (version === undefined) return expect.fail("no version");
  const artifacts = [...(await registry.listArtifacts(version, signal))];
  if (large > 0) artifacts.push({ path: "weights.bin", bytes: large });
  const template = { hash: "t", files: [{ path: "Dockerfile", content: Buffer.from(dockerfile) }] };
  const context = await openContext(registry, { template, version, artifacts }, signal);
  const entries = extract();
  const files: Record<string, string> = {};
  context.on("error", (error) => entries.destroy(error));
  context.pipe(createGunzip()).pipe(entries);
  for await (const entry of entries) files[entry.header.name] = (await buffer(entry)).toString();
  return files;
}

async function dockerfileFor(artifacts: Record<string, string>, dockerfile = DOCKERFILE) {
  const registry = createFakeRegistry();
  registry.register("churn", "1", { artifacts });
  return (await unpack(registry, "churn", dockerfile))["Dockerfile"];
}

const rendered = (python: string) => DOCKERFILE.replace("3.12", python);

describe("the Dockerfile's ARG PYTHON_VERSION", () => {
  it.each(["3.9", "3.10", "3.11", "3.12", "3.13"])("is the model's Python %s, whatever its patch", async (python) => {
    expect(await dockerfileFor({ "python_env.yaml": ENV(`${python}.7`) })).toBe(rendered(python));
  });

  it.each([
    ["python_env.yaml before MLmodel", { MLmodel: MLMODEL("3.9.1"), "python_env.yaml": ENV("3.10.2") }, "3.10"],
    ["MLmodel where there is no python_env.yaml", { MLmodel: MLMODEL("3.9.18") }, "3.9"],
    ["MLmodel where python_env.yaml does not say", { MLmodel: MLMODEL("3.13.0"), "python_env.yaml": "a: 1\n" }, "3.13"],
    ["a version in quotes", { "python_env.yaml": ENV("'3.10'") }, "3.10"],
  ])("is taken from %s", async (_from, artifacts, python) => {
    expect(await dockerfileFor(artifacts as unknown as Record<string, string>)).toBe(rendered(python));
  });

  it.each<[string, Record<string, string>]>([
    ["the model does not say", { "model.json": "{}" }],
    ["what it says is no version of Python 3", { "python_env.yaml": ENV("2.7.18"), MLmodel: MLMODEL("3.123") }],
    ["the file that says is not MLflow's", { MLmodel: `${MLMODEL("3.9.1")}${"#".repeat(1024 * 1024)}` }],
  ])("stays as it is where %s", async (_why, artifacts) => {
    expect(await dockerfileFor(artifacts)).toBe(DOCKERFILE);
  });

  it("takes nothing else from the model into the Dockerfile", async () => {
    const text = await dockerfileFor({ "python_env.yaml": "python: 3.11; RUN evil\n" });
    expect(text).toBe(rendered("3.11"));
  });

  it("is replaced only where it has a default, and as often as it has one", async () => {
    const text =
      "ARG PYTHON_VERSION=3.12\nFROM a\nARG PYTHON_VERSION\n# ARG PYTHON_VERSION=1\narg python_version=2 \r\n";
    expect(await dockerfileFor({ "python_env.yaml": ENV("3.9.1") }, text)).toBe(
      "ARG PYTHON_VERSION=3.9\nFROM a\nARG PYTHON_VERSION\n# ARG PYTHON_VERSION=1\narg python_version=3.9\n",
    );
  });

  it("costs nothing where the Dockerfile has none", async () => {
    const registry = createFakeRegistry();
    registry.register("churn", "1", { artifacts: { "python_env.yaml": ENV("3.9.1") } });
    const opened: string[] = [];
    const counting: ModelRegistry = {
      ...registry,
      openArtifact: (version, path, ends) => {
        opened.push(path);
        return registry.openArtifact(version, path, ends);
      },
    };
    await unpack(counting, "churn", "FROM scratch\nCOPY model/ /m\n");
    expect(opened).toEqual(["python_env.yaml"]);
    await unpack(counting, "churn");
    expect(opened).toEqual(["python_env.yaml", "python_env.yaml", "python_env.yaml"]);
  });

  it("is asked for again when MLflow does not answer", async () => {
    const registry = createFakeRegistry();
    registry.register("churn", "1", { artifacts: { "python_env.yaml": ENV("3.9.1") } });
    const lost = new TransientError("unreachable", "MLflow is gone.");
    await expect(unpack({ ...registry, openArtifact: () => Promise.reject(lost) }, "churn")).rejects.toBe(lost);
  });
});

describe("a model above 256 MiB", () => {
  it("is fetched by the build, but what is installed before is carried", async () => {
    const registry = createFakeRegistry();
    const artifacts = {
      "python_env.yaml": ENV("3.10.4"),
      "requirements.txt": "mlflow==3.17.2\n",
      "constraints.txt": "numpy<3\n",
      "code/requirements.txt": "elsewhere",
    };
    registry.register("churn", "1", { artifacts });
    const files = await unpack(registry, "churn", DOCKERFILE, CARRIED_BYTES + 1);
    expect(Object.keys(files)).toEqual(["Dockerfile", "model/constraints.txt", "model/requirements.txt"]);
    expect(files["model/requirements.txt"]).toBe(artifacts["requirements.txt"]);
    expect(files["Dockerfile"]).toContain("ARG PYTHON_VERSION=3.10\n");
    expect(files["Dockerfile"]?.match(/^ADD /gm)).toHaveLength(5);
  });

  it("has its requirements fetched too where they are no list of names", async () => {
    const registry = createFakeRegistry();
    registry.register("churn", "1", { artifacts: { "requirements.txt": "#".repeat(1024 * 1024 + 1) } });
    const files = await unpack(registry, "churn", DOCKERFILE, CARRIED_BYTES + 1);
    expect(Object.keys(files)).toEqual(["Dockerfile"]);
  });
});
