import { readFileSync } from "node:fs";
import { buffer } from "node:stream/consumers";
import { expect } from "vitest";
import { z } from "zod";
import { createMlflowHttp } from "../../shared/adapters/mlflow/mlflow-http.ts";
import { createMlflowRegistry } from "../../shared/adapters/mlflow/model-registry.ts";
import type { ModelVersion } from "../../shared/domain/model.ts";
import type { ModelRegistry } from "../../shared/ports/model-registry.ts";
import { type GoodAnswer, SECRET, spoilAnswer, toWireAnswer, type WireAnswer } from "./answer-cases.ts";
import { meet, nameOf, type Question, show } from "./answer-checks.ts";
import { answerFetch } from "./answering-fetch.ts";
import type { Json } from "./json-value.ts";

const json: z.ZodType<Json> = z.json();
const recorded = z
  .object({ examples: z.array(z.object({ name: z.string(), status: z.number(), response: json })) })
  .parse(JSON.parse(readFileSync(new URL("../recorded/mlflow-rest-examples.json", import.meta.url), "utf8")));

/** What a real server answered. */
function answerOf(name: string): Json {
  return recorded.examples.find((one) => one.name === name)?.response ?? expect.fail(`${name} was not recorded`);
}

const MODEL = "lab-model";
const LOGGED = "lab-logged";
const RUN = "c9855ff9020748648c404262be2bd350";
const MODEL_ID = "m-24e4b0714be04bca866de1b60f7c1e0b";
const version: ModelVersion = { name: LOGGED, version: "1", createdAt: 1, status: "READY", modelId: MODEL_ID };
const staged = { ...versionIn("alias-get"), current_stage: "Production" };

function versionIn(name: string): { [key: string]: Json } {
  return z.object({ model_version: z.record(z.string(), json) }).parse(answerOf(name)).model_version;
}

const modelVersion = z.strictObject({
  name: z.string(),
  version: z.string().regex(/^\d{1,32}$/),
  createdAt: z.number(),
  status: z.string(),
  runId: z.string().optional(),
  modelId: z
    .string()
    .regex(/^m-[0-9a-f]{32}$/)
    .optional(),
});
const page = z.strictObject({
  models: z.array(
    z.strictObject({
      name: z.string(),
      createdAt: z.number(),
      aliases: z.record(z.string(), z.string()),
      latest: z.array(z.strictObject({ version: z.string(), stage: z.string(), createdAt: z.number() })),
    }),
  ),
  next: z.string().min(1).optional(),
});
const artifacts = z
  .array(z.strictObject({ path: z.string().regex(/^[^/\\"'\s][^\\"'\n]*$/), bytes: z.int().min(0) }))
  .min(1);

/** MLflow's own way to say that something is not there. */
function saysAbsent({ status, body }: WireAnswer): boolean {
  return (status === 404 || status === 400) && /"error_code"/.test(body.toString("utf8"));
}

function checkVersion(name: string, value: ModelVersion | undefined, answer: WireAnswer): string {
  if (value === undefined) {
    expect(answer.status === 200 || saysAbsent(answer)).toBe(true);
    return "absent";
  }
  expect(answer.status).toBe(200);
  expect(modelVersion.parse(value).name).toBe(name);
  return "a version";
}

interface Asked<T> {
  name: string;
  /** Good answers by what their address holds; the first of them that fits. */
  good: Readonly<Record<string, GoodAnswer>>;
  /** Which of them are spoiled; without it, all. */
  spoilable?: readonly string[];
  others?: readonly Json[];
  call: (registry: ModelRegistry, signal: AbortSignal) => Promise<T>;
  /** `spoiledPart` is the address's part whose answer was spoiled. */
  check: (value: T, answer: WireAnswer, spoiledPart: string) => string;
}

function question<T>({ name, good, spoilable = Object.keys(good), others = [], call, check }: Asked<T>): Question {
  return {
    name,
    ask: async (random) => {
      const part = random.pick(spoilable);
      const spoiled = spoilAnswer(random, good[part] ?? expect.fail(part), others);
      const stop = answerFetch(({ href }) => {
        const found = Object.keys(good).find((one) => href.includes(one)) ?? expect.fail(`nobody asks ${href}`);
        return found === part ? spoiled : { kind: "good", answer: toWireAnswer(good[found] ?? expect.fail(found)) };
      });
      const registry = createMlflowRegistry(createMlflowHttp(new URL("http://mlflow.invalid"), `Bearer ${SECRET}`));
      const met = await meet(call(registry, new AbortController().signal));
      stop();
      if (met.kind === "error") return { spoiled, became: nameOf(met.error) };
      try {
        if ("error" in spoiled) return expect.fail("a value out of no answer");
        return { spoiled, became: check(met.value, spoiled.answer, part) };
      } catch (error) {
        throw new Error(`${part}: ${show(spoiled)} became ${JSON.stringify(met.value)}: ${error}`, { cause: error });
      }
    },
  };
}

const alias = { kind: "alias", alias: "champion" } as const;
const files = (...paths: readonly string[]): Json => ({
  files: paths.map((path) => ({ path, is_dir: path === "data", ...(path === "data" ? {} : { file_size: 120 }) })),
});
const MLMODEL = "saved_input_example_info:\n  artifact_path: input_example.json\n  serving_input_path: serving.json\n";
const EXAMPLE = { inputs: [[1, 2]] };

export const MLFLOW: readonly Question[] = [
  question({
    name: "the version of an alias",
    good: { "/registered-models/alias": { status: 200, body: answerOf("alias-get") } },
    others: [answerOf("model-versions-get-logged-model"), answerOf("model-versions-search"), answerOf("runs-get")],
    call: (registry, signal) => registry.resolve(MODEL, alias, signal),
    check: (value, answer) => checkVersion(MODEL, value, answer),
  }),
  question({
    name: "the version of a tag",
    good: { "/model-versions/search": { status: 200, body: answerOf("model-versions-search") } },
    others: [answerOf("alias-get"), { model_versions: [{ ...versionIn("alias-get"), name: "another" }] }],
    call: (registry, signal) => registry.resolve(MODEL, { kind: "tag", key: "stage_hint", value: "candidate" }, signal),
    check: (value, answer) => checkVersion(MODEL, value, answer),
  }),
  question({
    name: "the version of a stage",
    good: { "/get-latest-versions": { status: 200, body: { model_versions: [staged] } } },
    others: [
      { model_versions: [{ ...staged, name: "another" }] },
      { model_versions: [{ ...staged, current_stage: "Archived" }] },
    ],
    call: (registry, signal) => registry.resolve(MODEL, { kind: "stage", stage: "Production" }, signal),
    check: (value, answer) => checkVersion(MODEL, value, answer),
  }),
  question({
    name: "a version",
    good: { "/model-versions/get": { status: 200, body: answerOf("model-versions-get") } },
    others: [answerOf("alias-get-latest"), answerOf("model-versions-get-logged-model")],
    call: (registry, signal) => registry.readVersion(MODEL, "1", signal),
    check: (value, answer) => {
      if (value !== undefined) expect(value.version).toBe("1");
      return checkVersion(MODEL, value, answer);
    },
  }),
  question({
    name: "metrics",
    good: {
      "/runs/get": { status: 200, body: answerOf("runs-get") },
      "/logged-models/": { status: 200, body: answerOf("logged-model-get") },
    },
    others: [answerOf("runs-get-logged"), answerOf("alias-get")],
    call: (registry, signal) => registry.readMetrics({ ...version, runId: RUN, modelId: MODEL_ID }, signal),
    check: (value, answer, part) => {
      for (const [key, number] of value) expect([typeof key, typeof number]).toEqual(["string", "number"]);
      const body = answer.status === 200 ? JSON.parse(answer.body.toString("utf8")) : undefined;
      if (body !== undefined && part === "/runs/get") expect(body.run.info.run_id).toBe(RUN);
      if (body !== undefined && part === "/logged-models/") expect(body.model.info.model_id).toBe(MODEL_ID);
      if (body === undefined) expect(saysAbsent(answer)).toBe(true);
      return "metrics";
    },
  }),
  question({
    name: "the input example",
    good: {
      "path=MLmodel": { status: 200, body: MLMODEL },
      "path=serving.json": { status: 200, body: EXAMPLE },
    },
    call: (registry, signal) => registry.readInputExample(version, signal),
    check: (value, { status, body }, part) => {
      if (value === undefined) return "no example";
      if (part === "path=serving.json") expect(status).toBe(200);
      expect(value).toEqual(part === "path=serving.json" ? JSON.parse(body.toString("utf8")) : EXAMPLE);
      return "an example";
    },
  }),
  question({
    name: "the list of a logged model's artifacts",
    good: {
      "/logged-models/": { status: 200, body: files("MLmodel", "model.pkl") },
      "get-download-uri": { status: 200, body: { artifact_uri: "s3://models/elsewhere" } },
    },
    spoilable: ["/logged-models/"],
    call: (registry, signal) => registry.listArtifacts(version, signal),
    check: (value) => {
      for (const { path } of artifacts.parse(value)) expect(path.split("/")).not.toContain("..");
      return "a list";
    },
  }),
  question({
    name: "the list of artifacts",
    good: {
      "get-download-uri": { status: 200, body: answerOf("model-versions-get-download-uri") },
      "/mlflow-artifacts/artifacts": { status: 200, body: files("MLmodel", "model.pkl", "conda.yaml") },
      "/logged-models/": { status: 200, body: files("MLmodel", "model.pkl") },
    },
    spoilable: ["get-download-uri", "/mlflow-artifacts/artifacts"],
    others: [
      answerOf("model-versions-get-download-uri-logged"),
      answerOf("mlflow-artifacts-list"),
      files("../../etc/passwd"),
    ],
    call: (registry, signal) => registry.listArtifacts(version, signal),
    check: (value) => {
      for (const { path } of artifacts.parse(value)) expect(path.split("/")).not.toContain("..");
      return "a list";
    },
  }),
  question({
    name: "an artifact",
    good: { "/model-versions/get-artifact": { status: 200, body: MLMODEL } },
    call: async (registry, signal) => buffer(await registry.openArtifact(version, "MLmodel", signal)),
    check: (value, { status, body }) => {
      expect(status).toBe(200);
      expect(value.equals(body)).toBe(true);
      return "its bytes";
    },
  }),
  question({
    name: "the list of models",
    good: { "/registered-models/search": { status: 200, body: answerOf("registered-models-search") } },
    others: [answerOf("model-versions-search"), answerOf("alias-get"), answerOf("registered-models-search-page2")],
    call: (registry, signal) => registry.listModels(undefined, signal),
    check: (value, { status }) => {
      expect(status).toBe(200);
      page.parse({ ...value, models: value.models.map((one) => ({ ...one, aliases: { ...one.aliases } })) });
      return "a page";
    },
  }),
];
