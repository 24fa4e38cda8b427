import { PermanentError } from "../../domain/errors.ts";
import { describeModel, type ModelVersion } from "../../domain/model.ts";
import type { ModelArtifact } from "../../ports/model-registry.ts";
import type { MlflowHttp } from "./mlflow-http.ts";
import { downloadAnswer, filesAnswer } from "./schemas.ts";

/** Answers a file of a version's. */
export const GET_ARTIFACT = "/model-versions/get-artifact";

/** A model of more files or folders is refused. */
const MAX_FILES = 5_000;
const MAX_FOLDERS = 500;

/** Lists the files of one folder, given relative to the model's root. */
type ListFolder = (
  folder: string,
  signal: AbortSignal,
) => Promise<readonly { path: string; isFolder: boolean; bytes: number }[]>;

/** Every file of a model version, folder by folder. */
export async function listArtifacts(
  http: MlflowHttp,
  version: ModelVersion,
  signal: AbortSignal,
): Promise<readonly ModelArtifact[]> {
  const list = await folderLister(http, version, signal);
  const files: ModelArtifact[] = [];
  const folders = [""];
  // The list grows while it is walked.
  for (const folder of folders) {
    for (const entry of await list(folder, signal)) {
      const path = safePath(folder, entry.path);
      if (entry.isFolder) folders.push(path);
      else files.push({ path, bytes: entry.bytes });
    }
    if (files.length > MAX_FILES || folders.length > MAX_FOLDERS)
      throw new PermanentError(
        "build-too-large",
        `${describeModel(version)} has more than ${MAX_FILES} files or ${MAX_FOLDERS} folders.`,
      );
  }
  if (files.length === 0) throw new PermanentError("build-broken", `${describeModel(version)} has no artifacts.`);
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function folderLister(http: MlflowHttp, version: ModelVersion, signal: AbortSignal): Promise<ListFolder> {
  const query = { name: version.name, version: version.version };
  const answer = await http.get("/api/2.0/mlflow/model-versions/get-download-uri", query, downloadAnswer, signal);
  if (answer === undefined)
    throw new PermanentError("version-missing", `${describeModel(version)} is no longer in MLflow.`);
  // With a host in it, another server than this one has the artifacts.
  const proxied = /^mlflow-artifacts:(?:\/\/)?\/([^/].*)$/s.exec(answer.artifact_uri)?.[1];
  if (proxied !== undefined) return proxyLister(http, proxied);
  if (version.modelId !== undefined) return loggedModelLister(http, version.modelId);
  throw new PermanentError(
    "configuration-wrong",
    `The artifacts of ${describeModel(version)} are not served by MLflow: start it with --serve-artifacts, or log the model with MLflow 3.`,
  );
}

/** Here `path` in the answer is the entry's own name. */
function proxyLister(http: MlflowHttp, root: string): ListFolder {
  return async (folder, signal) => {
    const path = folder === "" ? root : `${root}/${folder}`;
    const answer = await http.get("/api/2.0/mlflow-artifacts/artifacts", { path }, filesAnswer, signal);
    return (answer?.files ?? []).map((file) => ({ path: file.path, isFolder: file.is_dir, bytes: file.file_size }));
  };
}

/** Here `path` in the answer is relative to the model's root. */
function loggedModelLister(http: MlflowHttp, modelId: string): ListFolder {
  return async (folder, signal) => {
    const path = `/api/2.0/mlflow/logged-models/${encodeURIComponent(modelId)}/artifacts/directories`;
    const query = folder === "" ? {} : { artifact_directory_path: folder };
    const answer = await http.get(path, query, filesAnswer, signal);
    if (answer?.next_page_token !== undefined)
      throw new PermanentError("build-too-large", `A folder of ${modelId} has more files than MLflow lists at once.`);
    return (answer?.files ?? []).map((file) => ({
      path: folder !== "" && file.path.startsWith(`${folder}/`) ? file.path.slice(folder.length + 1) : file.path,
      isFolder: file.is_dir,
      bytes: file.file_size,
    }));
  };
}

/** A path below the model's root, or an error: whoever can register a model chooses these names. */
function safePath(folder: string, name: string): string {
  // A name is one path segment without control characters, quotes or blanks that a Dockerfile would read otherwise.
  if (name === "" || name === "." || name === ".." || !/^[\p{L}\p{N}._+=@~-][\p{L}\p{N} ._+=@~,()-]*$/u.test(name))
    throw new PermanentError(
      "build-broken",
      `An artifact has a name that cannot be put into an image: ${JSON.stringify(name.slice(0, 80))}.`,
    );
  return folder === "" ? name : `${folder}/${name}`;
}
