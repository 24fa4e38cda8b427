import { Readable } from "node:stream";
import type { ModelVersion } from "../../shared/domain/model.ts";
import type { ModelRegistry } from "../../shared/ports/model-registry.ts";

export interface FakeModel {
  version: ModelVersion;
  tags: Readonly<Record<string, string>>;
  metrics: Readonly<Record<string, number>>;
  inputExample?: unknown;
  artifacts: Readonly<Record<string, string>>;
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

export function createFakeRegistry(): FakeRegistry {
  const models = new Map<string, FakeModel>();
  const aliases = new Map<string, string>();
  const find = (name: string, version: string) => models.get(`${name}|${version}`);
  const newest = (name: string, fits: (model: FakeModel) => boolean) =>
    [...models.values()]
      .filter((model) => model.version.name === name && fits(model))
      .sort((a, b) => Number(b.version.version) - Number(a.version.version))[0]?.version;
  return {
    register: (
      name,
      version,
      {
        status = "READY",
        metrics = {},
        inputExample = { instances: [[1, 2]] },
        artifacts = { "model.json": "{}" },
      } = {},
    ) => {
      const made: ModelVersion = {
        name,
        version,
        createdAt: 1_000 + Number(version),
        status,
        runId: `run-${version}`,
      };
      models.set(`${name}|${version}`, { version: made, tags: {}, metrics, inputExample, artifacts });
      return made;
    },
    setAlias: (name, alias, version) => void aliases.set(`${name}|${alias}`, version),
    setTag: (name, version, key, value) => {
      const model = find(name, version);
      if (model !== undefined) models.set(`${name}|${version}`, { ...model, tags: { ...model.tags, [key]: value } });
    },
    resolve: async (name, pointer) => {
      switch (pointer.kind) {
        case "alias":
          return find(name, aliases.get(`${name}|${pointer.alias}`) ?? "")?.version;
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
    listArtifacts: async ({ name, version }) =>
      Object.entries(find(name, version)?.artifacts ?? {}).map(([path, text]) => ({
        path,
        bytes: Buffer.byteLength(text),
      })),
    openArtifact: async ({ name, version }, path) =>
      Readable.from([Buffer.from(find(name, version)?.artifacts[path] ?? "")]),
    artifactAddress: async ({ name, version }, path) => `http://registry.invalid/${name}/${version}/${path}`,
    ping: async () => {},
  };
}
