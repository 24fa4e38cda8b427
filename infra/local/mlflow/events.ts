import { invalid, notImplemented } from "./errors.ts";
import { InternalPage } from "./http.ts";
import type { JsonObject } from "./json.ts";

/** Every entity MLflow 3.17.2 has events for, with its actions; lower case as in deliveries. */
const ACTIONS: Readonly<Record<string, readonly string[]>> = {
  registered_model: ["created"],
  model_version: ["created"],
  model_version_tag: ["set", "deleted"],
  model_version_alias: ["created", "deleted"],
  prompt: ["created"],
  prompt_version: ["created"],
  prompt_tag: ["set", "deleted"],
  prompt_version_tag: ["set", "deleted"],
  prompt_alias: ["created", "deleted"],
  budget_policy: ["exceeded"],
};

/** What happened, as a delivery tells it. */
export interface RegistryEvent {
  entity: string;
  action: string;
  data: JsonObject;
}

/** What a webhook subscribes to, in lower case. */
export type EventName = Pick<RegistryEvent, "entity" | "action">;

export const registeredModelCreated = (model: {
  name: string;
  tags: ReadonlyMap<string, string>;
  description: string;
}): RegistryEvent => ({
  entity: "registered_model",
  action: "created",
  data: { name: model.name, tags: Object.fromEntries(model.tags), description: model.description },
});

/** Tells what the request said, with null for what it left out. */
export const modelVersionCreated = (version: {
  name: string;
  version: string;
  source: string;
  runId: string | null;
  tags: ReadonlyMap<string, string>;
  description: string | null;
}): RegistryEvent => ({
  entity: "model_version",
  action: "created",
  data: {
    name: version.name,
    version: version.version,
    source: version.source,
    run_id: version.runId,
    tags: Object.fromEntries(version.tags),
    description: version.description,
  },
});

export const modelVersionTagSet = (name: string, version: string, key: string, value: string): RegistryEvent => ({
  entity: "model_version_tag",
  action: "set",
  data: { name, version, key, value },
});

export const modelVersionTagDeleted = (name: string, version: string, key: string): RegistryEvent => ({
  entity: "model_version_tag",
  action: "deleted",
  data: { name, version, key },
});

export const aliasCreated = (name: string, alias: string, version: string): RegistryEvent => ({
  entity: "model_version_alias",
  action: "created",
  data: { name, alias, version },
});

export const aliasDeleted = (name: string, alias: string): RegistryEvent => ({
  entity: "model_version_alias",
  action: "deleted",
  data: { name, alias },
});

/** The fixed payloads of MLflow's test endpoint; 501 for prompt and budget events. */
export function exampleEvent({ entity, action }: EventName): RegistryEvent {
  const tags = new Map([["example_key", "example_value"]]);
  const model = { name: "example_model", tags };
  const examples: Readonly<Record<string, RegistryEvent>> = {
    "registered_model.created": registeredModelCreated({ ...model, description: "An example registered model" }),
    "model_version.created": modelVersionCreated({
      ...model,
      version: "1",
      source: "models:/123",
      runId: "abcd1234abcd5678",
      description: "An example model version",
    }),
    "model_version_tag.set": modelVersionTagSet("example_model", "1", "example_key", "example_value"),
    "model_version_tag.deleted": modelVersionTagDeleted("example_model", "1", "example_key"),
    "model_version_alias.created": aliasCreated("example_model", "example_alias", "1"),
    "model_version_alias.deleted": aliasDeleted("example_model", "example_alias"),
  };
  const example = examples[`${entity}.${action}`];
  if (example === undefined) throw notImplemented(`The stand-in sends no ${entity}.${action}.`);
  return example;
}

/** Reads an event as a request names it, in upper case; throws what MLflow answers to others. */
export function parseEventName(entity: string, action: string): EventName {
  const name = { entity: entity.toLowerCase(), action: action.toLowerCase() };
  const actions = Object.hasOwn(ACTIONS, name.entity) ? ACTIONS[name.entity] : undefined;
  if (actions === undefined) throw new InternalPage(500);
  if (actions.includes(name.action)) return name;
  const valid = actions.map((each) => `'${each}'`).join(", ");
  throw invalid(`Invalid action '${name.action}' for entity '${name.entity}'. Valid actions are: [${valid}]`);
}
