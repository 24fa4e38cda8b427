import { Readable } from "node:stream";
import { PermanentError } from "../../shared/domain/errors.ts";
import { describeModel, type ModelVersion } from "../../shared/domain/model.ts";
import type { Pointer } from "../../shared/domain/promotion.ts";
import type { ListedModel, ModelRegistry } from "../../shared/ports/model-registry.ts";

export interface FakeModel {
  version: ModelVersion;
  stage: string;
  tags: Readonly<Record<string, string>>;
  metrics: Readonly<Record<string, number>>;
  inputExample?: unknown;
  artifacts: Readonly<Record<string, string | Uint8Array>>;
}

/** A model registry in memory. */
export interface FakeRegistry extends ModelRegistry {
  /** A model of no versions. */
  createModel(name: string): void;
  /** Makes the model with its first version; a version that was deleted and is made anew is younger. */
  register(
    name: string,
    version: string,
    model?: Partial<Omit<FakeModel, "version" | "stage" | "tags">> & { status?: string },
  ): ModelVersion;
  setAlias(name: string, alias: string, version: string): void;
  deleteAlias(name: string, alias: string): void;
  setTag(name: string, version: string, key: string, value: string): void;
  setStage(name: string, version: string, stage: string): void;
  /** Its aliases go with it. */
  deleteVersion(name: string, version: string): void;
  deleteModel(name: string): void;
}

interface Registered {
  createdAt: number;
  versions: Map<string, FakeModel>;
  aliases: Map<string, string>;
}

const STAGES = ["None", "Staging", "Production", "Archived"];
const DEFAULTS = {
  status: "READY",
  metrics: {},
  inputExample: { instances: [[1, 2]] },
  artifacts: { "model.json": "{}" },
};

/** `modelsPerPage`: how many models a page of its list has. */
export function createFakeRegistry(modelsPerPage = 100): FakeRegistry {
  const models = new Map<string, Registered>();
  let time = 1_000;
  const tick = () => {
    time += 1;
    return time;
  };
  const find = (name: string, version: string) => models.get(name)?.versions.get(version);
  const ensure = (name: string): Registered => {
    const model = models.get(name) ?? { createdAt: tick(), versions: new Map(), aliases: new Map() };
    models.set(name, model);
    return model;
  };
  return {
    createModel: (name) => void ensure(name),
    register: (name, version, given = {}) => {
      const { status, ...model } = { ...DEFAULTS, ...given };
      const { versions } = ensure(name);
      const made: ModelVersion = { name, version, createdAt: tick(), status, runId: `run-${version}` };
      versions.set(version, { version: made, stage: "None", tags: {}, ...model });
      return made;
    },
    setAlias: (name, alias, version) => void ensure(name).aliases.set(alias, version),
    deleteAlias: (name, alias) => void models.get(name)?.aliases.delete(alias),
    setTag: (name, version, tag, value) => {
      const model = find(name, version);
      if (model !== undefined) model.tags = { ...model.tags, [tag]: value };
    },
    setStage: (name, version, stage) => {
      const model = find(name, version);
      if (model !== undefined) model.stage = stage;
    },
    deleteVersion: (name, version) => {
      const model = models.get(name);
      model?.versions.delete(version);
      for (const [alias, named] of model?.aliases ?? []) if (named === version) model?.aliases.delete(alias);
    },
    deleteModel: (name) => void models.delete(name),
    resolve: async (name, pointer) => resolve(models.get(name), pointer)?.version,
    listModels: async (after = "") => {
      const names = [...models.keys()].filter((name) => name > after).sort();
      const page = names.slice(0, modelsPerPage);
      const last = page.at(-1);
      return {
        models: page.flatMap((name) => toListed(name, models.get(name))),
        ...(last === undefined || page.length === names.length ? {} : { next: last }),
      };
    },
    readVersion: async (name, version) => find(name, version)?.version,
    readMetrics: async ({ name, version }) => new Map(Object.entries(find(name, version)?.metrics ?? {})),
    readInputExample: async ({ name, version }) => find(name, version)?.inputExample,
    listArtifacts: async (version) => {
      const files = Object.entries(find(version.name, version.version)?.artifacts ?? {});
      if (files.length === 0) throw new PermanentError("build-broken", `${describeModel(version)} has no artifacts.`);
      return files
        .map(([path, content]) => ({ path, bytes: Buffer.byteLength(content) }))
        .sort((a, b) => (a.path < b.path ? -1 : 1));
    },
    openArtifact: async (version, path) => {
      const content = find(version.name, version.version)?.artifacts[path];
      if (content === undefined)
        throw new PermanentError("build-broken", `${describeModel(version)} has no artifact ${path}.`);
      return Readable.from(content.length === 0 ? [] : [Buffer.from(content)]);
    },
    artifactAddress: async (version, path) =>
      new URL([version.name, version.version, path].map(encodeURIComponent).join("/"), "http://registry.invalid").href,
    ping: async () => {},
  };
}

function resolve(model: Registered | undefined, pointer: Pointer): FakeModel | undefined {
  switch (pointer.kind) {
    case "alias":
      return model?.versions.get(model.aliases.get(pointer.alias) ?? "");
    case "tag":
      return newest(model, ({ tags }) => tags[pointer.key] === pointer.value);
    case "newest":
      return newest(model, () => true);
    case "stage":
      if (!STAGES.includes(pointer.stage))
        throw new PermanentError("bad-answer", `There is no stage ${pointer.stage}.`);
      return newest(model, ({ stage }) => stage === pointer.stage);
    default:
      return pointer satisfies never;
  }
}

function newest(model: Registered | undefined, fits: (model: FakeModel) => boolean): FakeModel | undefined {
  return [...(model?.versions.values() ?? [])]
    .filter(fits)
    .sort((a, b) => Number(b.version.version) - Number(a.version.version))[0];
}

function toListed(name: string, model: Registered | undefined): ListedModel[] {
  if (model === undefined) return [];
  const aliases: Record<string, string> = Object.create(null);
  for (const [alias, version] of model.aliases) aliases[alias] = version;
  const latest = STAGES.flatMap((stage) => {
    const found = newest(model, (one) => one.stage === stage)?.version;
    return found === undefined ? [] : [{ version: found.version, stage, createdAt: found.createdAt }];
  });
  return [{ name, createdAt: model.createdAt, aliases, latest }];
}
