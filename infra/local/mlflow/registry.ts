import { invalid, MlflowError, notFound } from "./errors.ts";
import { type JsonObject, listOrNothing } from "./json.ts";
import { checkModelName, parseVersion } from "./names.ts";

const STAGES = ["None", "Staging", "Production", "Archived"];

/** A registered model with everything that belongs to it. */
export interface RegisteredModel {
  name: string;
  createdAt: number;
  updatedAt: number;
  description: string;
  tags: Map<string, string>;
  /** Alias to version number. */
  aliases: Map<string, number>;
  versions: Map<number, ModelVersion>;
  /** Numbers of deleted versions are not given again. */
  lastVersion: number;
}

export interface ModelVersion {
  name: string;
  version: number;
  createdAt: number;
  updatedAt: number;
  stage: string;
  description: string;
  source: string;
  /** Where the artifacts are, once `models:/…` sources are followed. */
  location: string;
  runId: string;
  runLink: string;
  tags: Map<string, string>;
}

/** The registry's content in memory; every method throws what MLflow would answer. */
export interface Registry {
  create(name: string, tags: ReadonlyMap<string, string>, description: string): RegisteredModel;
  get(name: string): RegisteredModel;
  delete(name: string): void;
  all(): RegisteredModel[];
  createVersion(name: string, version: NewVersion): ModelVersion;
  getVersion(name: string, version: string): ModelVersion;
  deleteVersion(name: string, version: string): void;
  /** The alias `latest` is the newest version. */
  byAlias(name: string, alias: string): ModelVersion;
  transition(name: string, version: string, stage: string, archiveOthers: boolean): ModelVersion;
  /** The newest version of each stage asked for; of every stage when none is. */
  latest(name: string, stages: readonly string[]): ModelVersion[];
}

export type NewVersion = Pick<ModelVersion, "source" | "location" | "runId" | "runLink" | "description" | "tags">;

export function createRegistry(now: () => number): Registry {
  const models = new Map<string, RegisteredModel>();

  function get(name: string): RegisteredModel {
    checkModelName(name);
    const model = models.get(name);
    if (model === undefined) throw notFound(`Registered Model with name=${name} not found`);
    return model;
  }

  function getVersion(name: string, version: string): ModelVersion {
    checkModelName(name);
    const number = parseVersion(version);
    const found = models.get(name)?.versions.get(number);
    if (found === undefined) throw notFound(`Model Version (name=${name}, version=${number}) not found`);
    return found;
  }

  function touch(model: RegisteredModel): number {
    model.updatedAt = now();
    return model.updatedAt;
  }

  return {
    get,
    getVersion,
    all: () => [...models.values()],
    create(name, tags, description) {
      checkModelName(name);
      if (models.has(name)) {
        throw new MlflowError("RESOURCE_ALREADY_EXISTS", `Registered Model (name=${name}) already exists.`);
      }
      const createdAt = now();
      const model: RegisteredModel = {
        name,
        createdAt,
        updatedAt: createdAt,
        description,
        tags: new Map(tags),
        aliases: new Map(),
        versions: new Map(),
        lastVersion: 0,
      };
      models.set(name, model);
      return model;
    },
    delete(name) {
      get(name);
      models.delete(name);
    },
    createVersion(name, version) {
      const model = get(name);
      const createdAt = touch(model);
      model.lastVersion += 1;
      const created: ModelVersion = {
        ...version,
        name,
        version: model.lastVersion,
        createdAt,
        updatedAt: createdAt,
        stage: "None",
      };
      model.versions.set(created.version, created);
      return created;
    },
    deleteVersion(name, version) {
      const { version: number } = getVersion(name, version);
      const model = get(name);
      model.versions.delete(number);
      for (const [alias, target] of model.aliases) if (target === number) model.aliases.delete(alias);
      touch(model);
    },
    byAlias(name, alias) {
      const model = get(name);
      if (alias.toLowerCase() === "latest") return newest(model);
      const number = model.aliases.get(alias);
      if (number === undefined) throw invalid(`Registered model alias ${alias} not found.`);
      return getVersion(name, String(number));
    },
    transition(name, version, wanted, archiveOthers) {
      const stage = canonicalStage(wanted);
      if (archiveOthers && !["Staging", "Production"].includes(stage)) {
        throw new MlflowError(
          "INTERNAL_ERROR",
          `Model version transition cannot archive existing model versions because '${stage}' is not an Active stage. ` +
            "Valid stages are ['Staging', 'Production']",
        );
      }
      const moved = getVersion(name, version);
      const model = get(name);
      const at = touch(model);
      const archived = archiveOthers ? [...model.versions.values()].filter((other) => other.stage === stage) : [];
      for (const other of archived) Object.assign(other, { stage: "Archived", updatedAt: at });
      return Object.assign(moved, { stage, updatedAt: at });
    },
    latest(name, stages) {
      const wanted = stages.length === 0 ? STAGES : stages.map(canonicalStage);
      return latestOf(get(name)).filter((version) => wanted.includes(version.stage));
    },
  };
}

/** `registered_model` as MLflow answers it. */
export function toModelJson(model: RegisteredModel): JsonObject {
  const aliases = [...model.aliases].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return {
    name: model.name,
    creation_timestamp: model.createdAt,
    last_updated_timestamp: model.updatedAt,
    description: model.description === "" ? undefined : model.description,
    latest_versions: listOrNothing(latestOf(model).map((version) => toVersionJson(version))),
    tags: toTagsJson(model.tags),
    aliases: listOrNothing(aliases.map(([alias, version]) => ({ alias, version: String(version) }))),
  };
}

/** `model_version` as MLflow answers it; only single reads name the aliases, so the model is given only there. */
export function toVersionJson(version: ModelVersion, model?: RegisteredModel): JsonObject {
  const aliases = [...(model?.aliases ?? [])].filter(([, target]) => target === version.version);
  return {
    name: version.name,
    version: String(version.version),
    creation_timestamp: version.createdAt,
    last_updated_timestamp: version.updatedAt,
    current_stage: version.stage,
    description: version.description,
    source: version.source,
    run_id: version.runId,
    status: "READY",
    tags: toTagsJson(version.tags),
    run_link: version.runLink,
    aliases: listOrNothing(aliases.map(([alias]) => alias).toSorted()),
  };
}

export function toTagsJson(tags: ReadonlyMap<string, string>): JsonObject[string] {
  return listOrNothing([...tags].map(([key, value]) => ({ key, value })));
}

function newest(model: RegisteredModel): ModelVersion {
  const version = model.versions.get(Math.max(...model.versions.keys()));
  if (version === undefined) throw notFound(`Latest version not found for model ${model.name}.`);
  return version;
}

function latestOf(model: RegisteredModel): ModelVersion[] {
  const ofStage = new Map([...model.versions.values()].map((version) => [version.stage, version]));
  return [...ofStage.values()].toSorted((a, b) => a.version - b.version);
}

function canonicalStage(wanted: string): string {
  const stage = STAGES.find((name) => name.toLowerCase() === wanted.toLowerCase());
  if (stage !== undefined) return stage;
  throw invalid(`Invalid Model Version stage: ${wanted}. Value must be one of ${STAGES.join(", ")}.`);
}
