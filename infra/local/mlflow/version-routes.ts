import { z } from "zod";
import { invalid } from "./errors.ts";
import { modelVersionCreated, type RegistryEvent } from "./events.ts";
import type { Route } from "./http.ts";
import { listOrNothing } from "./json.ts";
import { checkTag } from "./names.ts";
import { parseParameters, required, tagList } from "./parameters.ts";
import { type ModelVersion, type Registry, toVersionJson } from "./registry.ts";
import { refusePrompts, searchParameters, toTagMap } from "./registry-routes.ts";
import { applyFilter, applyOrder, page, type Searchable } from "./search.ts";
import { resolveSource } from "./sources.ts";
import { noteVersion, type Tracking } from "./tracking.ts";

const BASE = "/api/2.0/mlflow/model-versions";

const byVersion = z.object({ name: required, version: required });
const newVersion = z.object({
  name: required,
  source: required,
  run_id: z.string().optional(),
  model_id: z.string().optional(),
  run_link: z.string().default(""),
  description: z.string().default(""),
  tags: tagList,
});
const transition = byVersion.extend({ stage: required, archive_existing_versions: z.boolean().default(false) });

const STRINGS = ["=", "!=", "LIKE", "ILIKE"];
const searchable: Searchable<ModelVersion> = {
  attributes: {
    name: { comparators: STRINGS, read: (version) => version.name },
    run_id: { comparators: [...STRINGS, "IN"], read: (version) => version.runId },
    source_path: { comparators: STRINGS, read: (version) => version.source },
    version_number: { comparators: ["=", "!=", ">", ">=", "<", "<="], read: (version) => version.version },
  },
  tags: (version) => version.tags,
};
const orderKeys = {
  name: (version: ModelVersion) => version.name,
  version_number: (version: ModelVersion) => version.version,
  creation_timestamp: (version: ModelVersion) => version.createdAt,
  last_updated_timestamp: (version: ModelVersion) => version.updatedAt,
};

/** Model versions: creation, reads, search, stages, deletion. */
export function modelVersionRoutes(
  registry: Registry,
  tracking: Tracking,
  emit: (event: RegistryEvent) => void,
): Route[] {
  return [
    {
      method: "POST",
      path: `${BASE}/create`,
      async handle(call) {
        const asked = parseParameters(newVersion, await call.parameters());
        const tags = toTagMap(asked.tags);
        for (const [key, value] of tags) checkTag(key, value);
        refusePrompts(tags);
        const source = resolveSource(
          { source: asked.source, runId: asked.run_id, modelId: asked.model_id },
          registry,
          tracking,
        );
        const { description, run_link: runLink } = asked;
        const version = registry.createVersion(asked.name, { ...source, description, runLink, tags: new Map(tags) });
        const loggedModel = tracking.findLoggedModel(asked.model_id ?? "");
        if (loggedModel !== undefined) noteVersion(loggedModel, asked.name, version.version);
        emit(
          modelVersionCreated({
            name: asked.name,
            version: String(version.version),
            source: source.source,
            // A logged model's run is filled in by the store and not in the event.
            runId: (asked.model_id === undefined ? source.runId : asked.run_id) || null,
            tags,
            description: description || null,
          }),
        );
        return { json: { model_version: toVersionJson(version) } };
      },
    },
    {
      method: "GET",
      path: `${BASE}/get`,
      async handle(call) {
        const { name, version } = parseParameters(byVersion, await call.parameters());
        return { json: { model_version: toVersionJson(registry.getVersion(name, version), registry.get(name)) } };
      },
    },
    {
      method: "GET",
      path: `${BASE}/get-download-uri`,
      async handle(call) {
        const { name, version } = parseParameters(byVersion, await call.parameters());
        return { json: { artifact_uri: registry.getVersion(name, version).location } };
      },
    },
    {
      method: "GET",
      path: `${BASE}/search`,
      async handle(call) {
        const asked = parseParameters(searchParameters(200_000, 200_000), await call.parameters());
        if (asked.max_results < 1) {
          throw invalid(`Invalid value for max_results. It must be a positive integer, but got ${asked.max_results}`);
        }
        const every = registry.all().flatMap((model) => [...model.versions.values()]);
        const found = applyFilter(every, asked.filter, searchable);
        const usual = asked.order_by.length === 0 ? ["last_updated_timestamp DESC"] : asked.order_by;
        const ordered = applyOrder(found, usual, orderKeys, ["name", "version_number DESC"]);
        const { items, next } = page(ordered, asked.max_results, asked.page_token);
        const versions = items.map((version) => toVersionJson(version));
        return { json: { model_versions: listOrNothing(versions), next_page_token: next } };
      },
    },
    {
      method: "POST",
      path: `${BASE}/transition-stage`,
      async handle(call) {
        const asked = parseParameters(transition, await call.parameters());
        const version = registry.transition(asked.name, asked.version, asked.stage, asked.archive_existing_versions);
        return { json: { model_version: toVersionJson(version, registry.get(asked.name)) } };
      },
    },
    {
      method: "DELETE",
      path: `${BASE}/delete`,
      async handle(call) {
        const { name, version } = parseParameters(byVersion, await call.parameters());
        registry.deleteVersion(name, version);
        return { json: {} };
      },
    },
  ];
}
