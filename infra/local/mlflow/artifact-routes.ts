import { posix } from "node:path";
import { z } from "zod";
import { type ArtifactEntry, type ArtifactStore, pathOfUri } from "./artifacts.ts";
import { notImplemented } from "./errors.ts";
import { type Answer, type Call, InternalPage, type Route } from "./http.ts";
import { type JsonObject, listOrNothing } from "./json.ts";
import { parseParameters, required } from "./parameters.ts";
import type { Registry } from "./registry.ts";
import type { Tracking } from "./tracking.ts";

const PROXY = "/api/2.0/mlflow-artifacts/artifacts";
const TEXT =
  /(?:^|[./])(?:MLmodel|MLproject|txt|log|err|cfg|conf|cnf|ini|env|md|py|js|json|ya?ml|xml|csv|tsv|html|toml|sh)$/i;

/** Upload, download, listing and deletion of artifacts, and the two routes that read one file of a run or a version. */
export function artifactRoutes(store: ArtifactStore, registry: Registry, tracking: Tracking): Route[] {
  const readFile = async (path: string): Promise<Answer> => {
    const { file, size } = await store.locate(path);
    const contentType = TEXT.test(path) ? "text/plain" : "application/octet-stream";
    return { file, size, name: posix.basename(path), contentType };
  };
  return [
    {
      method: "GET",
      path: PROXY,
      async handle(call) {
        const entries = await store.list(call.query.get("path") ?? "");
        return { json: { files: listOrNothing(entries.map((entry) => toFileJson("", entry))) } };
      },
    },
    { method: "GET", path: `${PROXY}/*path`, handle: (call) => readFile(call.path["path"] ?? "") },
    {
      method: "PUT",
      path: `${PROXY}/*path`,
      async handle(call) {
        await store.write(call.path["path"] ?? "", call.request);
        return { text: "", contentType: "text/plain", status: 200 };
      },
    },
    {
      method: "DELETE",
      path: `${PROXY}/*path`,
      async handle(call) {
        await store.delete(call.path["path"] ?? "");
        return { json: {} };
      },
    },
    {
      method: "GET",
      path: "/api/2.0/mlflow/artifacts/list",
      async handle(call) {
        const schema = z.object({ run_id: required, path: z.string().default("") });
        const { run_id: runId, path } = parseParameters(schema, await call.parameters());
        const root = tracking.getRun(runId).artifactUri;
        const entries = await store.list(within(root, path));
        return { json: { root_uri: root, files: listOrNothing(entries.map((entry) => toFileJson(path, entry))) } };
      },
    },
    {
      method: "GET",
      path: "/get-artifact",
      handle(call) {
        const path = queryValue(call, "path");
        return readFile(within(tracking.getRun(call.query.get("run_id") ?? "").artifactUri, path));
      },
    },
    {
      method: "GET",
      path: "/model-versions/get-artifact",
      handle(call) {
        const path = queryValue(call, "path");
        const version = registry.getVersion(call.query.get("name") ?? "", call.query.get("version") ?? "");
        const ofRun = /^runs:\/(?<runId>[^/]+)\/(?<rest>.+)$/s.exec(version.location)?.groups;
        if (ofRun === undefined) return readFile(within(version.location, path));
        return readFile(within(`${tracking.getRun(ofRun["runId"] ?? "").artifactUri}/${ofRun["rest"]}`, path));
      },
    },
  ];
}

function within(uri: string, path: string): string {
  const root = pathOfUri(uri);
  if (root === undefined) throw notImplemented(`The stand-in reads no artifacts from ${uri}.`);
  return path === "" ? root : `${root}/${path}`;
}

function queryValue(call: Call, name: string): string {
  const value = call.query.get(name);
  if (value === null) throw new InternalPage(400);
  return value;
}

function toFileJson(directory: string, entry: ArtifactEntry): JsonObject {
  const path = directory === "" ? entry.name : `${directory}/${entry.name}`;
  return { path, is_dir: entry.size === undefined, file_size: entry.size };
}
