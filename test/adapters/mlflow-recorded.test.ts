import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { createMlflowHttp } from "../../shared/adapters/mlflow/mlflow-http.ts";
import { createMlflowRegistry } from "../../shared/adapters/mlflow/model-registry.ts";
import type { ModelVersion } from "../../shared/domain/model.ts";
import type { Pointer } from "../../shared/domain/promotion.ts";
import type { ModelRegistry } from "../../shared/ports/model-registry.ts";
import { type Answer, says, saysJson, useServers } from "./mlflow-server.ts";

const example = z.object({ name: z.string(), request: z.string(), status: z.number(), response: z.unknown() });
type Example = z.infer<typeof example>;
const file = new URL("../recorded/mlflow-rest-examples.json", import.meta.url);
const { examples } = z.object({ examples: z.array(example) }).parse(JSON.parse(await readFile(file, "utf8")));

const signal = AbortSignal.timeout(60_000);
const serve = useServers();

const alias = (name: string): Pointer => ({ kind: "alias", alias: name });
const resolve =
  (pointer: Pointer, model = "lab-model") =>
  (registry: ModelRegistry) =>
    registry.resolve(model, pointer, signal);
const read =
  (version: string, model = "lab-model") =>
  (registry: ModelRegistry) =>
    registry.readVersion(model, version, signal);
const RUN = "c9855ff9020748648c404262be2bd350";
const LOGGED_RUN = "0bb3c2f88b564008be68c2b76ba9b190";
const MODEL_ID = "m-24e4b0714be04bca866de1b60f7c1e0b";
const logged: ModelVersion = { name: "lab-logged", version: "1", createdAt: 1, status: "READY" };
const metrics = (ids: Pick<ModelVersion, "runId" | "modelId">) => (registry: ModelRegistry) =>
  registry.readMetrics({ ...logged, ...ids }, signal);
const list = (version: Partial<ModelVersion>) => (registry: ModelRegistry) =>
  registry.listArtifacts({ ...logged, ...version }, signal);

const listModels = (registry: ModelRegistry) => registry.listModels(undefined, signal);
const SECOND_PAGE = "eyJvZmZzZXQiOiAyfQ==";

const FIRST = { name: "lab-model", version: "1", createdAt: 1795246461346, status: "READY", runId: RUN };
const SECOND = { name: "lab-model", version: "2", createdAt: 1795246464653, status: "READY" };

/** What each recorded answer means: a value, nothing, or an error. */
type Meaning = [name: string, ask: (registry: ModelRegistry) => Promise<unknown>, expected: unknown];

const FOUND: readonly Meaning[] = [
  ["alias-get", resolve(alias("champion")), FIRST],
  ["alias-get-lowercase-vs-Champion", resolve(alias("Champion")), SECOND],
  ["alias-get-latest", resolve({ kind: "newest" }), SECOND],
  ["alias-get-CHAMPION-never-set", resolve(alias("CHAMPION")), undefined],
  ["alias-get-missing-alias", resolve(alias("nope")), undefined],
  ["alias-get-missing-model", resolve(alias("champion"), "nope"), undefined],
  ["model-versions-get", read("1"), FIRST],
  [
    "model-versions-get-logged-model",
    read("1", "lab-logged"),
    { ...logged, createdAt: 1795246494282, runId: LOGGED_RUN, modelId: MODEL_ID },
  ],
  ["model-versions-get-missing-version", read("99"), undefined],
  ["model-versions-get-missing-model", read("1", "nope"), undefined],
  ["model-versions-get-deleted", read("1", "lab-model-prod"), undefined],
  ["model-versions-search", resolve({ kind: "tag", key: "stage_hint", value: "candidate" }), FIRST],
  ["model-versions-search-order", resolve({ kind: "tag", key: "stage_hint", value: "candidate" }), undefined],
  [
    "registered-models-search",
    listModels,
    {
      models: [
        { name: "--__--", createdAt: 1795246453754, aliases: {}, latest: [] },
        {
          name: "50%?&=#+;'\"<b>",
          createdAt: 1795246453205,
          aliases: { champion: "1" },
          latest: [{ version: "1", stage: "None", createdAt: 1795246464457 }],
        },
      ],
      next: SECOND_PAGE,
    },
  ],
  [
    "registered-models-search-page2",
    (registry) => registry.listModels(SECOND_PAGE, signal),
    {
      models: [
        { name: "LAB-MODEL", createdAt: 1795246453955, aliases: {}, latest: [] },
        { name: "L".repeat(250), createdAt: 1795246453024, aliases: {}, latest: [] },
      ],
      next: "eyJvZmZzZXQiOiA0fQ==",
    },
  ],
  ["runs-get", metrics({ runId: RUN }), new Map(Object.entries({ accuracy: 0.93, f1: 0.91 }))],
  ["runs-get-logged", metrics({ runId: LOGGED_RUN }), new Map([["accuracy", 0.95]])],
  [
    "runs-get-with-nan",
    metrics({ runId: RUN }),
    new Map(
      Object.entries({
        accuracy: 0.93,
        f1: 0.91,
        "deploy.latency_ms": 12.5,
        "deploy.ok": 1,
        nanm: Number.NaN,
        infm: Number.POSITIVE_INFINITY,
      }),
    ),
  ],
  ["runs-get-missing", metrics({ runId: "0".repeat(32) }), new Map()],
  ["logged-model-get", metrics({ modelId: MODEL_ID }), new Map([["accuracy", 0.95]])],
  ["get-artifact-mlmodel", (registry) => registry.readInputExample(logged, signal), undefined],
  ["health", (registry) => registry.ping(signal), undefined],
];

const REFUSED: readonly Meaning[] = [
  ["registered-models-search-max-too-big", listModels, { name: "PermanentError", code: "bad-answer" }],
  ["registered-models-search-bad-filter", listModels, { name: "PermanentError", code: "bad-answer" }],
  ["alias-get-bad-alias", resolve(alias("a b/c")), { name: "PermanentError", code: "bad-answer" }],
  ["model-versions-get-bad-version", read("abc"), { name: "PermanentError", code: "bad-answer" }],
  [
    "model-versions-get-download-uri-missing",
    list({ name: "nope" }),
    { name: "PermanentError", code: "version-missing" },
  ],
  [
    "get-artifact-missing",
    (registry) => registry.openArtifact(logged, "nope", signal),
    { name: "PermanentError", code: "build-broken" },
  ],
  [
    "unknown-endpoint",
    resolve(alias("champion")),
    { name: "PermanentError", code: "bad-answer", message: expect.stringContaining("MLFLOW_TRACKING_URI") },
  ],
  [
    "host-header-check",
    resolve(alias("champion")),
    { name: "PermanentError", code: "access-denied", message: expect.stringContaining("--allowed-hosts") },
  ],
];

/** Recorded paths that the adapter asks, and what it does with them. */
const OURS =
  /^GET (?:\/api\/2\.0\/mlflow\/(?:registered-models\/(?:alias|search|get-latest-versions)|model-versions\/(?:get|search|get-download-uri)|runs\/get|logged-models\/[^/?]+)|\/api\/2\.0\/mlflow-artifacts\/artifacts|\/model-versions\/get-artifact|\/health)(?:\?|$)/;

function recorded(name: string): Example {
  const found = examples.find((one) => one.name === name);
  if (found === undefined) throw new Error(`There is no recorded answer ${name}.`);
  return found;
}

function replay({ status, response }: Example): Answer {
  const text = z.object({ _text: z.string() }).safeParse(response);
  return text.success ? says(status, text.data._text, { "content-type": "text/plain" }) : saysJson(response, status);
}

/** A registry of one recorded answer, and what it was asked. */
async function replaying(name: string) {
  const asked: string[] = [];
  const answer = replay(recorded(name));
  const url = await serve((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    answer(request, response);
  });
  return { asked, registry: createMlflowRegistry(createMlflowHttp(url)) };
}

const parametersOf = (request: string) =>
  Object.fromEntries(new URL(request.slice(4).split(" ")[0] ?? "", "http://mlflow").searchParams);

describe("what a real MLflow answered", () => {
  it.each(FOUND)("%s is understood", async (name, ask, expected) => {
    const { registry, asked } = await replaying(name);
    expect(await ask(registry)).toEqual(expected);
    expect(asked[0]?.split("?")[0]).toBe(recorded(name).request.split("?")[0]);
    const { max_results, order_by, ...wanted } = parametersOf(recorded(name).request);
    expect(parametersOf(asked[0] ?? "")).toMatchObject(wanted);
  });

  it.each(REFUSED)("%s is refused", async (name, ask, expected) => {
    const { registry } = await replaying(name);
    await expect(ask(registry)).rejects.toMatchObject(expected ?? {});
  });

  it("artifacts are listed where the download address points", async () => {
    const asked: string[] = [];
    const url = await serve((request, response) => {
      asked.push(request.url ?? "");
      const name = request.url?.includes("get-download-uri")
        ? "model-versions-get-download-uri-logged"
        : "mlflow-artifacts-list";
      replay(recorded(name))(request, response);
    });
    const listed = await createMlflowRegistry(createMlflowHttp(url)).listArtifacts(logged, signal);
    expect(listed).toContainEqual({ path: "python_model.pkl", bytes: 1477 });
    expect(listed).toHaveLength(5);
    expect(`GET ${asked[1]}`).toBe(recorded("mlflow-artifacts-list").request);
  });

  it("the stages and aliases of a model are understood where others asked for it alone", async () => {
    const { registry } = await replaying("registered-models-search-filter");
    const { models, next } = await listModels(registry);
    expect(next).toBeUndefined();
    expect(models).toEqual([
      {
        name: "lab-model",
        createdAt: 1795246451992,
        aliases: { "-prod_EU-1-": "1", Champion: "2", champion: "1", "prod\n": "1", чемпион: "1" },
        latest: [
          { version: "2", stage: "None", createdAt: 1795246464653 },
          { version: "1", stage: "Production", createdAt: 1795246461346 },
        ],
      },
    ]);
  });

  it("no model at all is an answer without a list", async () => {
    const { registry } = await replaying("registered-models-search-filter-none");
    expect(await listModels(registry)).toEqual({ models: [] });
  });

  it("every recorded answer to a question of the adapter's is looked at here", () => {
    const looked = new Set([...FOUND, ...REFUSED].map(([name]) => name));
    const together = [
      "mlflow-artifacts-list",
      "model-versions-get-download-uri",
      "model-versions-get-download-uri-logged",
      "model-versions-search-by-run",
      "registered-models-search-filter",
      "registered-models-search-filter-none",
    ];
    const left = examples
      .filter(({ request, name }) => OURS.test(request) && !looked.has(name))
      .map(({ name }) => name);
    expect(left.toSorted()).toEqual(together);
  });
});

describe("what MLflow's documentation says it answers", () => {
  const meet = async (answer: Answer) => createMlflowRegistry(createMlflowHttp(await serve(answer)));

  it("401 of its basic auth is text, and means wrong credentials", async () => {
    const registry = await meet(
      says(401, "You are not authenticated.", {
        "www-authenticate": 'Basic realm="mlflow"',
        "content-type": "text/html",
      }),
    );
    await expect(read("1")(registry)).rejects.toMatchObject({
      name: "PermanentError",
      code: "access-denied",
      message: expect.stringContaining("MLFLOW_TRACKING_TOKEN"),
    });
  });

  it("403 of its basic auth is text, and means a missing permission", async () => {
    const registry = await meet(says(403, "Permission denied"));
    await expect(read("1")(registry)).rejects.toMatchObject({ name: "PermanentError", code: "access-denied" });
  });

  it("503 without artifact serving is text, and is tried again", async () => {
    const registry = await meet(says(503, "Artifact serving is disabled."));
    await expect(list({})(registry)).rejects.toMatchObject({ name: "TransientError", code: "unreachable" });
  });

  it("metrics that are not finite are names in quotes", async () => {
    const points = ["NaN", "Infinity", "-Infinity"].map((value) => ({ key: value, value, timestamp: 1, step: 0 }));
    const registry = await meet(saysJson({ run: { info: { run_id: RUN }, data: { metrics: points } } }));
    expect(await metrics({ runId: RUN })(registry)).toEqual(
      new Map([
        ["NaN", Number.NaN],
        ["Infinity", Number.POSITIVE_INFINITY],
        ["-Infinity", Number.NEGATIVE_INFINITY],
      ]),
    );
  });
});
