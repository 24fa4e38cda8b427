import { describe, expect, it } from "vitest";
import { createMlflowHttp } from "../../shared/adapters/mlflow/mlflow-http.ts";
import { createMlflowRegistry } from "../../shared/adapters/mlflow/model-registry.ts";
import { afterFilter, deploymentRow, prefixFilter } from "../../shared/adapters/tables/keys.ts";
import { readText, textProperties } from "../../shared/adapters/tables/rows.ts";
import { slug } from "../../shared/domain/digest.ts";
import { PermanentError } from "../../shared/domain/errors.ts";
import { renderRelease } from "../../shared/domain/render-release.ts";
import { promotionMessage } from "../../shared/steps/messages.ts";
import { readDeployment, TARGET_NAME } from "../../shared/steps/read-deployments.ts";
import { parsePayload } from "../../shared/webhook/payload.ts";
import { promotion, running } from "../domain/build.ts";
import { createFakeStore } from "../fakes/fake-store.ts";
import { BASE, policyFor } from "../pipeline/manifests.ts";
import { createWorld } from "../pipeline/world.ts";
import { cases, eachCase, pace, tell } from "./fuzz.ts";
import { literalsOf } from "./odata-literals.ts";
import { oddName, twinOf } from "./odd-name.ts";
import type { Random } from "./random.ts";

const NAMES = cases(200_000, 4_000);
const TARGETS = cases(400, 60);
const WORLDS = cases(300, 10);

/** A path segment of an image's repository, and a value of a label: what registries and Kubernetes take. */
const REPOSITORY = /^[a-z0-9]+(?:-+[a-z0-9]+)*$/;
const LABEL = /^(?=.{1,63}$)[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?$/;
const HTTP = createMlflowHttp(new URL("https://mlflow.invalid/base"));
const POLICY = policyFor();
const STORE = createFakeStore(Date.now);

/** As `toEqual`, which is asked only where the two are not alike: there are millions of comparisons. */
function same(found: unknown, expected: unknown): void {
  if (found !== expected && JSON.stringify(found) !== JSON.stringify(expected)) expect(found).toEqual(expected);
}

function fits(form: RegExp, text: string): void {
  if (!form.test(text)) expect(text).toMatch(form);
}

function checkSlug(name: string, known: Map<string, string>): void {
  const found = slug(name);
  fits(REPOSITORY, found);
  fits(LABEL, found);
  if (known.has(found)) same(known.get(found), name);
  known.set(found, name);
}

/** Through the delivery and the message, or refused by both. */
function checkWish(name: string): boolean {
  const data = { name, version: "1", alias: name };
  const body = Buffer.from(JSON.stringify({ entity: "model_version_alias", action: "created", data }));
  const payload = parsePayload(body);
  const wish = promotion({ model: name, pointer: { kind: "alias", alias: name } });
  const message = promotionMessage.safeParse(JSON.parse(JSON.stringify(wish)));
  if (!name.isWellFormed()) {
    same([payload.kind, message.success], ["malformed", false]);
    return false;
  }
  same(payload, { kind: "known", known: { event: "model_version_alias.created", data } });
  same([message.data?.model, message.data?.pointer], [name, wish.pointer]);
  return true;
}

function checkRow(name: string): void {
  const record = { model: { name, version: "1", createdAt: 1 }, [name]: name };
  const row = textProperties(record);
  for (const text of Object.values(row)) if (typeof text === "string") same(text.isWellFormed(), true);
  same(readText(row), record);
}

/** A filter holds its literals and nothing else, and they are what was asked for. */
function checkFilters(name: string): void {
  same(literalsOf(prefixFilter(name, "deployment:")), [
    ["PartitionKey", "eq", name],
    ["RowKey", "ge", "deployment:"],
    ["RowKey", "lt", "deployment;"],
  ]);
  same(literalsOf(afterFilter(name, `${name}:1`)), [
    ["PartitionKey", "eq", name],
    ["RowKey", "gt", `${name}:1`],
  ]);
}

function checkAddress(name: string): void {
  const { href } = HTTP.address("/api/2.0/mlflow/registered-models/alias", { name, alias: name });
  const { origin, pathname, searchParams, hash } = new URL(href);
  same([origin, pathname, hash], ["https://mlflow.invalid", "/base/api/2.0/mlflow/registered-models/alias", ""]);
  same(
    [...searchParams],
    [
      ["name", name],
      ["alias", name],
    ],
  );
}

/** MLflow's filters know no escapes: what stands between the quotes is the name, and holds no such quote. */
async function checkSearch(name: string): Promise<void> {
  const asked: string[] = [];
  const http = {
    ...HTTP,
    get: async (_path: string, query: Readonly<Record<string, string>>) => void asked.push(query["filter"] ?? ""),
  };
  const pointer = { kind: "tag", key: name, value: name } as const;
  const found = createMlflowRegistry(http).resolve(name, pointer, new AbortController().signal);
  if (name.includes("'") && name.includes('"')) return expect(found).rejects.toBeInstanceOf(PermanentError);
  await found;
  const [, quote = "", inner] = /^name=(['"])(.*)\1$/s.exec(asked[0] ?? "") ?? [];
  same(inner, name);
  same(name.includes(quote), false);
}

/** The name stands in the release as a value, and nowhere else. */
function checkRelease(name: string): void {
  const model = { name, version: "1", createdAt: 1 };
  const release = renderRelease(BASE, POLICY, model, `registry.test/${slug(name)}@sha256:${"0".repeat(64)}`, []);
  const read: typeof release = JSON.parse(JSON.stringify(release));
  same(read.model, model);
  same(Object(read.hashed[0]?.["data"]).MODEL_NAME, name);
  for (const { metadata } of [...read.hashed, ...read.fixed])
    for (const value of [metadata.name, ...Object.values(metadata.labels ?? {})]) fits(LABEL, value);
}

/** An id from outside is looked for only where it can be a target's. */
async function checkLookup(name: string): Promise<void> {
  const asked: string[] = [];
  const store = { ...STORE, readDeployment: async (target: string) => void asked.push(target) };
  await readDeployment(store, `${name}.1790000000`);
  same(asked, TARGET_NAME.test(name) ? [name] : []);
}

describe("a name of any kind", () => {
  it("is told from every other, and comes out of everything as it went in", async () => {
    const slugs = new Map<string, string>();
    let [illFormed, longest, pairs] = [0, 0, 0];
    const began = performance.now();
    const check = async (name: string) => {
      longest = Math.max(longest, name.length);
      if (!checkWish(name)) {
        illFormed += 1;
        return;
      }
      checkSlug(name, slugs);
      checkRow(name);
      checkFilters(name);
      checkAddress(name);
      await checkSearch(name);
      checkRelease(name);
      await checkLookup(name);
    };
    await eachCase(NAMES / 2, async (random) => {
      const name = oddName(random);
      const twin = twinOf(random, name);
      if (twin !== name) pairs += 1;
      await check(name);
      await check(twin);
    });
    tell(
      `names: ${pace(NAMES, began)}; ${slugs.size} different ones, ${pairs} beside one nearly the same, ` +
        `up to ${longest} characters, each under a slug of its own; ${illFormed} with half a character, refused`,
    );
    expect(longest).toBe(2_000);
  });

  it("is shown of its deployment exactly, and of no other", async () => {
    await eachCase(WORLDS, async (random) => {
      const name = wellFormed(random);
      const world = createWorld({ policy: { model: name } });
      world.registry.register(name, "1", { metrics: { accuracy: 0.9 } });
      world.registry.setAlias(name, "champion", "1");
      const body = promotion({ model: name, version: "1", wishedAt: world.now() + 1 });
      await world.bus.send([{ queue: "promotions", id: body.id, body: JSON.parse(JSON.stringify(body)) }]);
      await world.run();
      expect(world.endings()).toMatchObject([{ phase: "Succeeded", model: { name } }]);
      const [{ generation = 0 } = {}] = world.endings();
      expect(await readDeployment(world.store, `churn.${generation}`)).toMatchObject({
        model: name,
        phase: "Succeeded",
      });
      expect(world.builder.builds().map(({ images }) => images[0]?.split(":")[0])).toEqual([slug(name)]);
      expect(world.told[0]?.data).toMatchObject({ model: name });
    });
    tell(`names: ${WORLDS} models of such names taken live, each shown exactly`);
  });
});

function wellFormed(random: Random): string {
  const name = oddName(random).toWellFormed();
  return name.slice(0, 1_999).toWellFormed();
}

describe("targets of names that are nearly the same", () => {
  it("are listed and looked up apart", async () => {
    const store = createFakeStore(Date.now);
    const names = new Set<string>();
    await eachCase(TARGETS, async (random) => {
      const [letters, length] = [random.pick(["ab", "a-", "a1"]), 2 + random.below(8)];
      const name = `a${Array.from({ length }, () => letters[random.below(2)]).join("")}z`;
      if (names.has(name)) return false;
      names.add(name);
      await store.save({ target: name, deployments: [{ value: running({ target: name }) }], visits: [] });
      return true;
    });
    const { generation } = running();
    for (const name of names) {
      expect((await store.listOfTarget(name, 100)).map(({ target }) => target)).toEqual([name]);
      expect((await store.readDeployment(name, generation))?.value.target).toBe(name);
      expect(await store.readDeployment(`${name}-`, generation)).toBeUndefined();
    }
    expect(deploymentRow(generation)).not.toMatch(/[/\\#?\p{Cc}]/u);
    tell(`names: ${names.size} targets, listed and looked up apart`);
  });
});
