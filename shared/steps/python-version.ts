import type { ModelVersion } from "../domain/model.ts";
import type { ModelArtifact, ModelRegistry } from "../ports/model-registry.ts";
import type { SourceTemplate } from "../ports/source-template.ts";
import { exactly } from "./artifact-bytes.ts";

/** Where MLflow writes the Python that a model was logged with; the first that says it counts. */
const FILES = ["python_env.yaml", "MLmodel"];
/** `python: 3.11.7` of python_env.yaml, `python_version: 3.11.7` of MLmodel: without the patch, which is the image's. */
const STATED = /^[ \t]*python(?:_version)?:[ \t]*["']?(3\.\d{1,2})(?!\d)/m;
const ARGUMENT = /^(ARG[ \t]+PYTHON_VERSION)=\S*[ \t\r]*$/gim;
/** Both are written by MLflow, in a few lines; what is larger is something else. */
const MAX_BYTES = 1024 * 1024;

/**
 * The template for this model: a Dockerfile's `ARG PYTHON_VERSION=…` is given the major and minor version of the Python
 * that the model was logged with. A model that does not say leaves the Dockerfile's own default.
 */
export async function withPythonVersion(
  registry: ModelRegistry,
  {
    template,
    version,
    artifacts,
  }: { template: SourceTemplate; version: ModelVersion; artifacts: readonly ModelArtifact[] },
  signal: AbortSignal,
): Promise<SourceTemplate> {
  const dockerfile = template.files.find(({ path }) => path === "Dockerfile");
  const text = dockerfile === undefined ? "" : Buffer.from(dockerfile.content).toString("utf8");
  if (text.search(ARGUMENT) === -1) return template;
  const python = await readPythonVersion(registry, version, artifacts, signal);
  if (python === undefined) return template;
  const content = Buffer.from(text.replace(ARGUMENT, `$1=${python}`), "utf8");
  return {
    ...template,
    files: template.files.map((file) => (file === dockerfile ? { path: file.path, content } : file)),
  };
}

async function readPythonVersion(
  registry: ModelRegistry,
  version: ModelVersion,
  artifacts: readonly ModelArtifact[],
  signal: AbortSignal,
): Promise<string | undefined> {
  for (const name of FILES) {
    const artifact = artifacts.find(({ path, bytes }) => path === name && bytes <= MAX_BYTES);
    if (artifact === undefined) continue;
    const chunks: Buffer[] = [];
    const opened = await registry.openArtifact(version, name, signal);
    for await (const chunk of exactly(artifact, version, opened)) chunks.push(chunk);
    const [, python] = STATED.exec(Buffer.concat(chunks).toString("utf8")) ?? [];
    if (python !== undefined) return python;
  }
  return undefined;
}
