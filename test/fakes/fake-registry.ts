import { Readable } from "node:stream";
import { PermanentError } from "../../shared/domain/errors.ts";
import { describeModel, type ModelVersion } from "../../shared/domain/model.ts";
import type { ModelRegistry } from "../../shared/ports/model-registry.ts";

export interface FakeModel {
  version: ModelVersion;
  tags: Readonly<Record<string, string>>;
  metrics: Readonly<Record<string, number>>;
  inputExample?: unknown;
  artifacts: Readonly<Record<string, string | Uint8Array>>;
}

/** A model registry in memory. */
export interface FakeRegistry extends ModelRegistry {
  register(
    name: string,
    version: string,
    model?: Partial<Omit<FakeModel, "version" | "tags">> & { status?: string },
  ): ModelVersion;
  setAlias(name: string, alias: string, version: string): void;
  setTag(name: string, version: string, key: string, value: string): void;
}

const DEFAULTS = {
  status: "READY",
  metrics: {},
  inputExample: { instances: [[1, 2]] },
  artifacts: { "model.json": "{}" },
};

export function createFakeRegistry(): FakeRegistry {
  const key = (name: string, other: string) => JSON.stringify([name, other]);
  const models = new Map<string, FakeModel>();
  const aliases = new Map<string, string>();
  const find = (name: string, version: string) => models.get(key(name, version));
  const newest = (name: string, fits: (model: FakeModel) => boolean) =>
    [...models.values()]
      .filter((model) => model.version.name === name && fits(model))
      .sort((a, b) => Number(b.version.version) - Number(a.version.version))[0]?.version;
  return {
    register: (name, version, given = {}) => {
      const { status, ...model } = { ...DEFAULTS, ...given };
      const made: ModelVersion = {
        name,
        version,
        createdAt: 1_000 + Number(version),
        status,
        runId: `run-${version}`,
      };
      models.set(key(name, version), { version: made, tags: {}, ...model });
      return made;
    },
    setAlias: (name, alias, version) => void aliases.set(key(name, alias), version),
    setTag: (name, version, tag, value) => {
      const model = find(name, version);
      if (model !== undefined) models.set(key(name, version), { ...model, tags: { ...model.tags, [tag]: value } });
    },
    resolve: async (name, pointer) => {
      switch (pointer.kind) {
        case "alias":
          return find(name, aliases.get(key(name, pointer.alias)) ?? "")?.version;
        case "tag":
          return newest(name, ({ tags }) => tags[pointer.key] === pointer.value);
        case "newest":
          return newest(name, () => true);
        default:
          return pointer satisfies never;
      }
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
