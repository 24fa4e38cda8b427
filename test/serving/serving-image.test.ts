import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { buffer } from "node:stream/consumers";
import { createGunzip } from "node:zlib";
import { extract } from "tar-stream";
import { beforeAll, describe, expect, it } from "vitest";
import { type Instruction, parseDockerfile } from "../../infra/local/image-builder/dockerfile.ts";
import { parseIgnore } from "../../infra/local/image-builder/ignore.ts";
import { readSourceTemplate } from "../../shared/adapters/files/source-template.ts";
import { checkPolicy, openPolicy } from "../../shared/config/read-policy.ts";
import type { SourceTemplate } from "../../shared/ports/source-template.ts";
import { CARRIED_BYTES, openContext } from "../../shared/steps/build-context.ts";
import { createFakeRegistry } from "../fakes/fake-registry.ts";
import { policyFor } from "../pipeline/manifests.ts";
import { createWorld } from "../pipeline/world.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const signal = AbortSignal.timeout(20_000);

let template: SourceTemplate;
let instructions: readonly Instruction[];

beforeAll(async () => {
  template = await readSourceTemplate(join(ROOT, "infra/serving"));
  instructions = (await render("3.11")).instructions;
});

/** The Dockerfile as Belay uploads it for a model that was logged with this Python. */
async function render(python: string, largestFile = 1) {
  const registry = createFakeRegistry();
  const version = registry.register("churn", "1", {
    artifacts: {
      "python_env.yaml": `python: ${python}.4\n`,
      "requirements.txt": "mlflow==3.17.2\n",
      MLmodel: "flavors: {}\n",
    },
  });
  const artifacts = [...(await registry.listArtifacts(version, signal))];
  if (largestFile > CARRIED_BYTES) artifacts.push({ path: "data/model.bin", bytes: largestFile });
  const entries = extract();
  const files: Record<string, string> = {};
  (await openContext(registry, { template, version, artifacts }, signal)).pipe(createGunzip()).pipe(entries);
  for await (const entry of entries) files[entry.header.name] = (await buffer(entry)).toString();
  return { files, instructions: parseDockerfile(files["Dockerfile"] ?? "").instructions };
}

/** The instructions of each stage, from its FROM on. */
function stagesOf(all: readonly Instruction[]): Instruction[][] {
  const stages: Instruction[][] = [];
  for (const one of all)
    if (one.keyword === "FROM") stages.push([one]);
    else stages.at(-1)?.push(one);
  return stages;
}

const lines = (stage: readonly Instruction[] = []) => stage.map(({ text }) => text);
const at = (stage: readonly Instruction[], pattern: RegExp) => lines(stage).findIndex((line) => pattern.test(line));

it("is the template that the shipped policy names", () => {
  const { targets, problems } = checkPolicy(openPolicy(ROOT, "delivery.yaml"), undefined);
  expect(problems).toEqual([]);
  expect(targets.map(({ build }) => [build.template, build.baseImage])).toEqual([["infra/serving", "scratch"]]);
  expect(template.files.map(({ path }) => path)).toContain("Dockerfile");
});

describe("the Dockerfile", () => {
  it.each(["3.9", "3.10", "3.11", "3.12", "3.13"])("builds every stage upon Python %s", async (python) => {
    const { instructions: rendered } = await render(python);
    expect(lines(rendered.filter(({ keyword, line }) => keyword === "ARG" && line < 10))).toEqual([
      `ARG PYTHON_VERSION=${python}`,
      "ARG BASE_IMAGE=python",
    ]);
    const stages = stagesOf(rendered);
    expect(stages.map(([from]) => from?.arguments.replace(/ AS .*/, ""))).toEqual(
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a Dockerfile's variables
      Array(3).fill("${BASE_IMAGE}:${PYTHON_VERSION}-slim"),
    );
  });

  it("installs what the model requires before anything that changes with each of its versions", () => {
    const [dependencies = []] = stagesOf(instructions);
    const own = at(dependencies, /^COPY requirements\.txt/);
    const model = at(dependencies, /^COPY model\/requirements\.txt/);
    const install = at(dependencies, /^RUN .*pip .* install/);
    expect([own, model, install].every((index) => index > 0)).toBe(true);
    expect(own).toBeLessThan(model);
    expect(model).toBeLessThan(install);
    expect(lines(dependencies).filter((line) => /^COPY model\/? /.test(line))).toEqual([]);
    expect(lines(dependencies)[install]).toMatch(
      /--dry-run .* -r model\/requirements\.txt .*install -c pinned\.txt -r merged\.txt$/,
    );
  });

  it("puts what changes least first: packages, server, model", () => {
    const final = stagesOf(instructions).at(-1) ?? [];
    expect(lines(final.filter(({ keyword }) => keyword === "COPY"))).toEqual([
      "COPY --from=dependencies /opt/venv /opt/venv",
      "COPY belay_serving/ /opt/serving/belay_serving/",
      "COPY --from=model /opt/model /opt/model",
    ]);
  });

  it("leaves compilers and the package installer behind", () => {
    const [dependencies = [], , final = []] = stagesOf(instructions);
    expect(lines(dependencies).join("\n")).toMatch(/build-essential[\s\S]*--without-pip/);
    expect(lines(final).join("\n")).not.toMatch(/build-essential|git|pip/);
  });

  it("runs as user 1000, which can read everything and writes to /tmp only", () => {
    const [, model = [], final = []] = stagesOf(instructions);
    expect(lines(model).at(-1)).toBe("RUN chmod -R a+rX /opt/model");
    expect(lines(final.filter(({ keyword }) => keyword === "USER"))).toEqual(["USER 1000:1000"]);
    const user = at(final, /^USER/);
    expect(final.slice(user).some(({ keyword }) => ["RUN", "COPY", "ADD"].includes(keyword))).toBe(false);
    expect(lines(final).join("\n")).toMatch(/HOME=\/tmp/);
  });

  it("starts the server itself, so that it gets the signal, on the port it exposes", () => {
    const final = stagesOf(instructions).at(-1) ?? [];
    expect(lines(final).slice(-3)).toEqual([
      "EXPOSE 8000",
      "STOPSIGNAL SIGTERM",
      'CMD ["python", "-m", "belay_serving"]',
    ]);
    expect(lines(final).join("\n")).toMatch(/PORT=8000/);
  });

  it("asks for no secret and copies nothing it does not name", () => {
    const text = lines(instructions).join("\n");
    expect(text).not.toMatch(/secret|token|password|credential|--mount/i);
    expect(text).not.toMatch(/^(COPY|ADD) (\.|\*)/m);
  });

  it("fetches a large model into the stage that makes it readable, and carries its requirements", async () => {
    const { files, instructions: fetching } = await render("3.11", CARRIED_BYTES + 1);
    const [dependencies = [], model = [], final = []] = stagesOf(fetching);
    const adds = at(model, /^ADD \["http.*model\.bin","\/opt\/model\/data\/model\.bin"\]/);
    expect(adds).toBeGreaterThan(0);
    expect(adds).toBeLessThan(at(model, /^RUN chmod/));
    expect([...dependencies, ...final].some(({ keyword }) => keyword === "ADD")).toBe(false);
    expect(files["model/requirements.txt"]).toBe("mlflow==3.17.2\n");
  });
});

describe("the .dockerignore", () => {
  const isExcluded = async () => parseIgnore(await readFile(join(ROOT, "infra/serving/.dockerignore"), "utf8"));

  it("leaves every file that a COPY names", async () => {
    const excluded = await isExcluded();
    const sources = instructions
      .filter(({ keyword, flags }) => keyword === "COPY" && !flags.has("from"))
      .flatMap(({ arguments: words }) => words.split(/\s+/).slice(0, -1));
    const named = template.files.map(({ path }) => path).filter((path) => sources.some((one) => path.startsWith(one)));
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter((path) => !path.includes("__pycache__")).filter(excluded)).toEqual([]);
    expect(["model/MLmodel", "model/requirements.txt", "model/README.txt"].filter(excluded)).toEqual([]);
  });

  it("keeps out what a run in the checkout left, and the words", async () => {
    const excluded = await isExcluded();
    const left = ["belay_serving/__pycache__/app.cpython-311.pyc", "__pycache__/a.pyc", "README.md"];
    expect(left.filter((path) => !excluded(path))).toEqual([]);
  });
});

describe("the policy's baseImage", () => {
  const argumentsOf = async (baseImage: string) => {
    const { build } = policyFor();
    const world = createWorld({ policy: { build: { ...build, baseImage } } });
    await world.deploy("1");
    return world.builder.builds().map((request) => request.arguments);
  };

  it("is the Dockerfile's own where it is scratch", async () => {
    expect(await argumentsOf("scratch")).toEqual([{}]);
  });

  it("is the BASE_IMAGE of the build where it is another", async () => {
    expect(await argumentsOf("mirror.azurecr.io/python")).toEqual([{ BASE_IMAGE: "mirror.azurecr.io/python" }]);
  });
});
