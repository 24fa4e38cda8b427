import { buffer } from "node:stream/consumers";
import { beforeEach, describe, expect, it } from "vitest";
import type { ModelVersion } from "../../shared/domain/model.ts";
import type { Pointer } from "../../shared/domain/promotion.ts";
import type { ListedModel, ModelRegistry } from "../../shared/ports/model-registry.ts";

/** What a version is registered with. */
export interface GivenVersion {
  metrics?: Readonly<Record<string, number>>;
  /** Left out: logged without one. */
  inputExample?: unknown;
  artifacts?: Readonly<Record<string, Uint8Array<ArrayBuffer>>>;
}

/** A registry and what data scientists do with it. */
export interface ModelStage {
  registry: ModelRegistry;
  createModel(name: string): Promise<void>;
  /** Registers the next version of the model and returns it. */
  createVersion(name: string, given?: GivenVersion): Promise<string>;
  setAlias(name: string, alias: string, version: string): Promise<void>;
  deleteAlias(name: string, alias: string): Promise<void>;
  setTag(name: string, version: string, key: string, value: string): Promise<void>;
  /** Others may stand there, too. */
  setStage(name: string, version: string, stage: string): Promise<void>;
  deleteVersion(name: string, version: string): Promise<void>;
  deleteModel(name: string): Promise<void>;
}

const ALIAS: Pointer = { kind: "alias", alias: "champion" };
const TAG: Pointer = { kind: "tag", key: "stage", value: "live" };
const NEWEST: Pointer = { kind: "newest" };
const STAGE: Pointer = { kind: "stage", stage: "Production" };
const POINTERS = [ALIAS, TAG, NEWEST, STAGE];

/** Names that MLflow takes; none holds both kinds of quotes, which its filters cannot say. */
const NAMES: Readonly<Record<string, string>> = {
  "a single quote": "o'brien",
  "double quotes": 'the "good" one',
  "a newline": "two\nlines",
  "percent and reserved characters": "50% & a=b+c;d?e#f",
  "a percent escape": "100%20percent",
  "a backslash": "back\\slash",
  "an emoji": "модель-日本-🚀",
  "a blank at both ends": " blank ",
  "2,000 characters": "n".repeat(2_000),
};

/** Pages that are followed at most. */
const MAX_PAGES = 500;

/** What every model registry owes; run on the fake and on the adapter, whose pages should hold a few models. */
export function modelRegistryContract(name: string, open: () => Promise<ModelStage>): void {
  describe(`model registry: ${name}`, () => {
    let stage: ModelStage;
    let signal: AbortSignal;
    let model = "";
    let count = 0;
    beforeEach(async () => {
      stage = await open();
      signal = AbortSignal.timeout(60_000);
      count += 1;
      model = `model-${process.pid}-${count}`;
    });
    const read = async (version: string, of = model): Promise<ModelVersion> => {
      const found = await stage.registry.readVersion(of, version, signal);
      if (found === undefined) throw new Error(`${of} has no version ${version}`);
      return found;
    };
    const registered = async (given: GivenVersion = {}): Promise<ModelVersion> => {
      await stage.createModel(model);
      return read(await stage.createVersion(model, given));
    };

    /** Sets every pointer to this version. */
    const promote = async (version: string, of = model): Promise<void> => {
      await stage.setAlias(of, "champion", version);
      await stage.setTag(of, version, "stage", "live");
      await stage.setStage(of, version, "Production");
    };
    /** The models of these names, of all pages. */
    const list = async (...names: string[]): Promise<readonly ListedModel[]> => {
      const found: ListedModel[] = [];
      let after: string | undefined;
      for (let pages = 0; pages < MAX_PAGES; pages++) {
        const page = await stage.registry.listModels(after, signal);
        found.push(...page.models.filter(({ name: one }) => names.includes(one)));
        if (page.next === undefined) return found;
        after = page.next;
      }
      throw new Error(`there are more than ${MAX_PAGES} pages`);
    };

    it("describes a version", async () => {
      const version = await registered();
      expect(version).toMatchObject({ name: model, version: "1", status: "READY" });
      expect(version.createdAt).toBeGreaterThan(0);
    });

    it.each(POINTERS)("resolves the $kind to the version that it names now", async (pointer) => {
      await registered();
      await stage.createVersion(model);
      await promote("1");
      expect((await stage.registry.resolve(model, pointer, signal))?.version).toBe(pointer === NEWEST ? "2" : "1");
      await promote("2");
      expect(await stage.registry.resolve(model, pointer, signal)).toEqual(await read("2"));
    });

    it("takes version 10 for newer than version 9", async () => {
      await stage.createModel(model);
      for (let version = 1; version <= 10; version++) {
        await stage.createVersion(model);
        await promote(String(version));
      }
      for (const pointer of POINTERS)
        expect((await stage.registry.resolve(model, pointer, signal))?.version, pointer.kind).toBe("10");
    });

    it("knows nothing of a model that does not exist", async () => {
      for (const pointer of POINTERS) expect(await stage.registry.resolve(model, pointer, signal)).toBeUndefined();
      expect(await stage.registry.readVersion(model, "1", signal)).toBeUndefined();
    });

    it("knows nothing of a version that does not exist", async () => {
      await registered();
      expect(await stage.registry.readVersion(model, "2", signal)).toBeUndefined();
    });

    it("resolves no alias that is not set, and none in another spelling", async () => {
      await registered();
      await stage.setAlias(model, "Champion", "1");
      expect(await stage.registry.resolve(model, ALIAS, signal)).toBeUndefined();
    });

    it("resolves no tag of another value, and none that is no tag but a member of every object", async () => {
      await registered();
      await stage.setTag(model, "1", "stage", "live ");
      expect(await stage.registry.resolve(model, TAG, signal)).toBeUndefined();
      const inherited: Pointer = { kind: "tag", key: "constructor", value: "Object" };
      expect(await stage.registry.resolve(model, inherited, signal)).toBeUndefined();
    });

    it("finds a tag whose value is empty", async () => {
      await registered();
      await stage.setTag(model, "1", "live", "");
      expect((await stage.registry.resolve(model, { kind: "tag", key: "live", value: "" }, signal))?.version).toBe("1");
    });

    it.each(Object.entries(NAMES))("tells a model whose name has %s from all others", async (_what, special) => {
      const unique = special.length === 2_000 ? `${count}${special}`.slice(0, 2_000) : `${special}${count}`;
      await stage.createModel(unique);
      await stage.createVersion(unique, { artifacts: { "model.bin": Buffer.from("weights") } });
      await promote("1", unique);
      const version = await read("1", unique);
      expect(version.name).toBe(unique);
      for (const pointer of POINTERS) expect(await stage.registry.resolve(unique, pointer, signal)).toEqual(version);
      expect(await list(unique)).toEqual([
        {
          name: unique,
          createdAt: expect.any(Number),
          aliases: { champion: "1" },
          latest: [{ version: "1", stage: "Production", createdAt: version.createdAt }],
        },
      ]);
      const opened = await stage.registry.openArtifact(version, "model.bin", signal);
      expect((await buffer(opened)).toString()).toBe("weights");
    });

    it("follows no alias that was deleted, and no stage that its version has left", async () => {
      await registered();
      await promote("1");
      await stage.deleteAlias(model, "champion");
      await stage.setStage(model, "1", "Archived");
      expect(await stage.registry.resolve(model, ALIAS, signal)).toBeUndefined();
      expect(await stage.registry.resolve(model, STAGE, signal)).toBeUndefined();
      const archived: Pointer = { kind: "stage", stage: "Archived" };
      expect(await stage.registry.resolve(model, archived, signal)).toEqual(await read("1"));
    });

    it("follows the newest of a stage's versions, and the one before when it leaves", async () => {
      await registered();
      await stage.createVersion(model);
      await stage.setStage(model, "2", "Production");
      await stage.setStage(model, "1", "Production");
      expect((await stage.registry.resolve(model, STAGE, signal))?.version).toBe("2");
      await stage.setStage(model, "2", "Archived");
      expect((await stage.registry.resolve(model, STAGE, signal))?.version).toBe("1");
    });

    it("takes a version that was never moved to a stage for one of None", async () => {
      const version = await registered();
      expect(await stage.registry.resolve(model, { kind: "stage", stage: "None" }, signal)).toEqual(version);
    });

    it("refuses a stage there is not, rather than to say that nothing stands there", async () => {
      await registered();
      const asked = stage.registry.resolve(model, { kind: "stage", stage: "Live" }, signal);
      await expect(asked).rejects.toMatchObject({ name: "PermanentError", code: "bad-answer" });
    });

    it.each(POINTERS)("follows the $kind to no version that was deleted", async (pointer) => {
      await registered();
      await promote("1");
      await stage.deleteVersion(model, "1");
      expect(await stage.registry.resolve(model, pointer, signal)).toBeUndefined();
      expect(await stage.registry.readVersion(model, "1", signal)).toBeUndefined();
      expect(await list(model)).toMatchObject([{ aliases: {}, latest: [] }]);
    });

    it.each(POINTERS)("follows the $kind to no model that was deleted", async (pointer) => {
      await registered();
      await promote("1");
      await stage.deleteModel(model);
      expect(await stage.registry.resolve(model, pointer, signal)).toBeUndefined();
      expect(await list(model)).toEqual([]);
    });

    it("lists every model once, page by page, in an order that stays", async () => {
      const names = Array.from({ length: 12 }, (_, index) => `${model}-${index}`);
      for (const one of names) await stage.createModel(one);
      expect((await stage.registry.listModels(undefined, signal)).next).toBeDefined();
      const listed = await list(...names);
      expect(listed.map(({ name: one }) => one).toSorted()).toEqual(names.toSorted());
      expect(await list(...names)).toEqual(listed);
    });

    it("gives the same page to the same question", async () => {
      for (let index = 0; index < 9; index++) await stage.createModel(`${model}-${index}`);
      const { next } = await stage.registry.listModels(undefined, signal);
      const page = await stage.registry.listModels(next, signal);
      expect(page.models.length).toBeGreaterThan(0);
      expect(await stage.registry.listModels(next, signal)).toEqual(page);
    });

    it("lists a model of no versions with nothing that points", async () => {
      await stage.createModel(model);
      expect(await list(model)).toEqual([{ name: model, createdAt: expect.any(Number), aliases: {}, latest: [] }]);
    });

    it("lists each alias with its version, and the newest version of each stage", async () => {
      const first = await registered();
      for (let version = 2; version <= 5; version++) await stage.createVersion(model);
      await stage.setAlias(model, "champion", "1");
      await stage.setAlias(model, "challenger", "2");
      await stage.setAlias(model, "shadow", "2");
      await stage.setStage(model, "1", "Production");
      await stage.setStage(model, "2", "Archived");
      await stage.setStage(model, "3", "Archived");
      const [listed] = await list(model);
      expect(listed?.createdAt).toBeLessThanOrEqual(first.createdAt);
      expect({ ...listed?.aliases }).toEqual({ champion: "1", challenger: "2", shadow: "2" });
      expect(listed?.latest.toSorted((a, b) => Number(a.version) - Number(b.version))).toEqual([
        { version: "1", stage: "Production", createdAt: first.createdAt },
        { version: "3", stage: "Archived", createdAt: (await read("3")).createdAt },
        { version: "5", stage: "None", createdAt: (await read("5")).createdAt },
      ]);
      await stage.deleteAlias(model, "shadow");
      await stage.setAlias(model, "champion", "3");
      expect({ ...(await list(model))[0]?.aliases }).toEqual({ champion: "3", challenger: "2" });
    });

    it("lists aliases that are called as members of every object are, and finds none that is not set", async () => {
      await registered();
      const unusual = ["constructor", "__proto__", "toString"];
      for (const alias of unusual) await stage.setAlias(model, alias, "1");
      const [listed] = await list(model);
      expect(Object.entries(listed?.aliases ?? {}).toSorted()).toEqual(unusual.toSorted().map((alias) => [alias, "1"]));
      await stage.deleteAlias(model, "constructor");
      expect((await list(model))[0]?.aliases["constructor"]).toBeUndefined();
      for (const alias of ["__proto__", "toString"])
        expect((await stage.registry.resolve(model, { kind: "alias", alias }, signal))?.version).toBe("1");
    });

    it("takes a model that was deleted and made anew, and its versions, for younger ones", async () => {
      const first = await registered();
      const [before] = await list(model);
      await stage.deleteModel(model);
      const second = await registered();
      const [after] = await list(model);
      expect(second.version).toBe(first.version);
      expect(second.createdAt).toBeGreaterThan(first.createdAt);
      expect(after?.createdAt).toBeGreaterThan(before?.createdAt ?? Number.POSITIVE_INFINITY);
      expect(after?.latest).toEqual([{ version: "1", stage: "None", createdAt: second.createdAt }]);
    });

    it("reads metrics, also those that are no numbers", async () => {
      const metrics = { accuracy: 0.93, loss: Number.NaN, best: Number.POSITIVE_INFINITY, "a/b c": -1.5e-9, zero: 0 };
      const version = await registered({ metrics });
      expect(Object.fromEntries(await stage.registry.readMetrics(version, signal))).toEqual(metrics);
    });

    it("reads no metrics where none were logged", async () => {
      expect((await stage.registry.readMetrics(await registered(), signal)).size).toBe(0);
    });

    it("reads the input example that the model was logged with", async () => {
      const inputExample = { dataframe_split: { columns: ["é", "b"], data: [[1.5, null]] } };
      const version = await registered({ inputExample });
      expect(await stage.registry.readInputExample(version, signal)).toEqual(inputExample);
    });

    it("reads no input example where none was logged", async () => {
      expect(await stage.registry.readInputExample(await registered(), signal)).toBeUndefined();
    });

    it("lists files of all folders with their sizes, and opens each byte for byte", async () => {
      const everyByte = Uint8Array.from({ length: 70_000 }, (_, index) => (index * 7) % 256);
      const artifacts = {
        "b.txt": Buffer.from("naïve"),
        "a/deep/er/weights.bin": everyByte,
        "a/with blank (1).txt": Buffer.from("x"),
        empty: Buffer.alloc(0),
      };
      const version = await registered({ artifacts });
      const listed = await stage.registry.listArtifacts(version, signal);
      expect(listed).toEqual([
        { path: "a/deep/er/weights.bin", bytes: 70_000 },
        { path: "a/with blank (1).txt", bytes: 1 },
        { path: "b.txt", bytes: 6 },
        { path: "empty", bytes: 0 },
      ]);
      const opened = await Promise.all(
        listed.map(
          async ({ path }): Promise<[string, Buffer]> => [
            path,
            await buffer(await stage.registry.openArtifact(version, path, signal)),
          ],
        ),
      );
      for (const [path, content] of opened)
        expect(content.equals(Object.entries(artifacts).find(([one]) => one === path)?.[1] ?? Buffer.from("?"))).toBe(
          true,
        );
    });

    it("refuses to list a model without files", async () => {
      const listing = stage.registry.listArtifacts(await registered({ artifacts: {} }), signal);
      await expect(listing).rejects.toMatchObject({ name: "PermanentError", code: "build-broken" });
    });

    it("refuses to open a file that is not there", async () => {
      const version = await registered({ artifacts: { here: Buffer.from("x") } });
      await expect(stage.registry.openArtifact(version, "there", signal)).rejects.toMatchObject({
        name: "PermanentError",
        code: "build-broken",
      });
    });

    it("names an address for each file in which nothing is left unescaped", async () => {
      const version = await registered();
      const address = await stage.registry.artifactAddress({ ...version, name: "a b\n'\"$x" }, "c d/é.bin");
      expect(address).toMatch(/^https?:\/\/[!#%&'()*+,./:=?@_~a-zA-Z0-9-]+$/);
      expect(address).not.toContain("$");
    });

    it("answers a ping", async () => {
      await stage.registry.ping(signal);
    });
  });
}
