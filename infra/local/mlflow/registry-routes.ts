import { z } from "zod";
import { notImplemented } from "./errors.ts";
import {
  aliasCreated,
  aliasDeleted,
  modelVersionTagDeleted,
  modelVersionTagSet,
  type RegistryEvent,
  registeredModelCreated,
} from "./events.ts";
import type { Route } from "./http.ts";
import { listOrNothing } from "./json.ts";
import { checkAlias, checkNewAlias, checkTag } from "./names.ts";
import { parseParameters, required, tagList, whole } from "./parameters.ts";
import { type RegisteredModel, type Registry, toModelJson, toVersionJson } from "./registry.ts";
import { applyFilter, applyOrder, page, type Searchable } from "./search.ts";

const BASE = "/api/2.0/mlflow/registered-models";

export const searchParameters = (most: number, usual: number) =>
  z.object({
    filter: z.string().default(""),
    max_results: whole.refine((count) => count <= most).default(usual),
    order_by: z.array(z.string()).default([]),
    page_token: z.string().optional(),
  });

const byName = z.object({ name: required });
const aliasParameters = z.object({ name: required, alias: required });
const newAlias = aliasParameters.extend({ version: required });
const newModel = z.object({ name: required, tags: tagList, description: z.string().default("") });
const newTag = z.object({ name: required, key: required, value: z.string().default("") });
const latestParameters = z.object({ name: required, stages: z.array(z.string()).default([]) });

const searchable: Searchable<RegisteredModel> = {
  attributes: { name: { comparators: ["=", "!=", "LIKE", "ILIKE", "IN"], read: (model) => model.name } },
  tags: (model) => model.tags,
};
const orderKeys = {
  name: (model: RegisteredModel) => model.name,
  timestamp: (model: RegisteredModel) => model.updatedAt,
  last_updated_timestamp: (model: RegisteredModel) => model.updatedAt,
};

/** Prompts are registered models with this tag; they behave differently throughout. */
export function refusePrompts(tags: ReadonlyMap<string, string>): void {
  if (tags.has("mlflow.prompt.is_prompt")) throw notImplemented("The stand-in keeps no prompts.");
}

export const toTagMap = (tags: readonly { key: string; value: string }[]): Map<string, string> =>
  new Map(tags.map(({ key, value }) => [key, value]));

/** Registered models, their tags and aliases. */
export function registeredModelRoutes(registry: Registry, emit: (event: RegistryEvent) => void): Route[] {
  const latest: NonNullable<Route["handle"]> = async (call) => {
    const { name, stages } = parseParameters(latestParameters, await call.parameters());
    const versions = registry.latest(name, stages).map((version) => toVersionJson(version));
    return { json: { model_versions: listOrNothing(versions) } };
  };
  return [
    {
      method: "POST",
      path: `${BASE}/create`,
      async handle(call) {
        const { name, tags, description } = parseParameters(newModel, await call.parameters());
        const tagMap = toTagMap(tags);
        refusePrompts(tagMap);
        const model = registry.create(name, tagMap, description);
        emit(registeredModelCreated({ name, tags: tagMap, description }));
        return { json: { registered_model: toModelJson(model) } };
      },
    },
    {
      method: "GET",
      path: `${BASE}/get`,
      async handle(call) {
        const { name } = parseParameters(byName, await call.parameters());
        return { json: { registered_model: toModelJson(registry.get(name)) } };
      },
    },
    {
      method: "GET",
      path: `${BASE}/search`,
      async handle(call) {
        const asked = parseParameters(searchParameters(1000, 100), await call.parameters());
        const found = applyFilter(registry.all(), asked.filter, searchable);
        const ordered = applyOrder(found, asked.order_by, orderKeys, ["name"]);
        const { items, next } = page(ordered, asked.max_results, asked.page_token);
        return { json: { registered_models: listOrNothing(items.map(toModelJson)), next_page_token: next } };
      },
    },
    {
      method: "DELETE",
      path: `${BASE}/delete`,
      async handle(call) {
        registry.delete(parseParameters(byName, await call.parameters()).name);
        return { json: {} };
      },
    },
    { method: "GET", path: `${BASE}/get-latest-versions`, handle: latest },
    { method: "POST", path: `${BASE}/get-latest-versions`, handle: latest },
    {
      method: "POST",
      path: `${BASE}/set-tag`,
      async handle(call) {
        const { name, key, value } = parseParameters(newTag, await call.parameters());
        checkTag(key, value);
        refusePrompts(new Map([[key, value]]));
        registry.get(name).tags.set(key, value);
        return { json: {} };
      },
    },
    {
      method: "GET",
      path: `${BASE}/alias`,
      async handle(call) {
        const { name, alias } = parseParameters(aliasParameters, await call.parameters());
        checkAlias(alias);
        return { json: { model_version: toVersionJson(registry.byAlias(name, alias), registry.get(name)) } };
      },
    },
    {
      method: "POST",
      path: `${BASE}/alias`,
      async handle(call) {
        const { name, alias, version } = parseParameters(newAlias, await call.parameters());
        checkNewAlias(alias);
        const target = registry.getVersion(name, version);
        registry.get(name).aliases.set(alias, target.version);
        emit(aliasCreated(name, alias, version));
        return { json: {} };
      },
    },
    {
      method: "DELETE",
      path: `${BASE}/alias`,
      async handle(call) {
        const { name, alias } = parseParameters(aliasParameters, await call.parameters());
        checkAlias(alias);
        registry.get(name).aliases.delete(alias);
        emit(aliasDeleted(name, alias));
        return { json: {} };
      },
    },
  ];
}

const tagParameters = z.object({ name: required, version: required, key: required });

/** Tags of model versions. */
export function versionTagRoutes(registry: Registry, emit: (event: RegistryEvent) => void): Route[] {
  return [
    {
      method: "POST",
      path: "/api/2.0/mlflow/model-versions/set-tag",
      async handle(call) {
        const schema = tagParameters.extend({ value: z.string().default("") });
        const { name, version, key, value } = parseParameters(schema, await call.parameters());
        checkTag(key, value);
        registry.getVersion(name, version).tags.set(key, value);
        emit(modelVersionTagSet(name, version, key, value));
        return { json: {} };
      },
    },
    {
      method: "DELETE",
      path: "/api/2.0/mlflow/model-versions/delete-tag",
      async handle(call) {
        const { name, version, key } = parseParameters(tagParameters, await call.parameters());
        registry.getVersion(name, version).tags.delete(key);
        emit(modelVersionTagDeleted(name, version, key));
        return { json: {} };
      },
    },
  ];
}
