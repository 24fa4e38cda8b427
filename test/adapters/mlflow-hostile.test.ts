import { once } from "node:events";
import { createServer } from "node:net";
import { buffer } from "node:stream/consumers";
import { inspect } from "node:util";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { z } from "zod";
import { createMlflowHttp } from "../../shared/adapters/mlflow/mlflow-http.ts";
import { createMlflowRegistry } from "../../shared/adapters/mlflow/model-registry.ts";
import type { ModelVersion } from "../../shared/domain/model.ts";
import type { ModelRegistry } from "../../shared/ports/model-registry.ts";
import { type Answer, says, saysJson, useServers } from "./mlflow-server.ts";

const serve = useServers();
const signal = AbortSignal.timeout(60_000);
const TOKEN = "Bearer t0ken-of-belay";
/** Long enough for a busy machine, short enough to be waited out by a few tests. */
const CALL_MS = 1_200;
/** Far above what an answer may take, far below the limit of a test. */
const BOUND_MS = 5_000;
const version: ModelVersion = { name: "churn", version: "1", createdAt: 1, status: "READY" };
const FOUND = { model_version: { name: "churn", version: "1", creation_timestamp: 1 } };

type Ask = [what: string, ask: (registry: ModelRegistry) => Promise<unknown>];
const resolve: Ask[1] = (registry) => registry.resolve("churn", { kind: "alias", alias: "champion" }, signal);
const openArtifact: Ask[1] = async (registry) => buffer(await registry.openArtifact(version, "model.bin", signal));
const listArtifacts = (registry: ModelRegistry) => registry.listArtifacts(version, signal);
const listModels = (registry: ModelRegistry) => registry.listModels(undefined, signal);
const resolveStage: Ask[1] = (registry) => registry.resolve("churn", { kind: "stage", stage: "Production" }, signal);
const QUESTIONS: readonly Ask[] = [
  ["a question", resolve],
  ["a list of models", listModels],
  ["a small file", (registry) => registry.readInputExample(version, signal)],
  ["an artifact", openArtifact],
];

async function meet(answer: Answer): Promise<ModelRegistry> {
  return createMlflowRegistry(createMlflowHttp(await serve(answer), TOKEN, CALL_MS));
}

/** An address where nobody listens any more. */
async function nobody(): Promise<URL> {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const port = z.object({ port: z.number() }).parse(server.address()).port;
  server.close();
  await once(server, "close");
  return new URL(`http://127.0.0.1:${port}`);
}

/** The error an answer leads to; it comes in bounded time and holds no secret anywhere. */
async function errorOf(ask: Ask[1], registry: ModelRegistry): Promise<unknown> {
  const started = performance.now();
  const error: unknown = await ask(registry).then(
    (value) => expect.fail(`there was no error but ${inspect(value)}`),
    (thrown: unknown) => thrown,
  );
  expect(performance.now() - started).toBeLessThan(BOUND_MS);
  expect(inspect(error, { depth: 10, showHidden: true })).not.toContain("t0ken");
  return error;
}

const BAD_ANSWER = { name: "PermanentError", code: "bad-answer" };
const UNREACHABLE = { name: "TransientError", code: "unreachable" };

describe("an answer that cannot be read", () => {
  it.each([
    ["no JSON", says(200, "{")],
    ["nothing at all", says(200)],
    ["a page of a portal in between", says(200, "<html>Sign in</html>")],
    ["JSON nested too deeply", says(200, "[".repeat(100_000))],
    ["null", saysJson(null)],
    ["a list", saysJson([])],
    ["another object", saysJson({ hello: 1 })],
    ["a version that is a number", saysJson({ model_version: { ...FOUND.model_version, version: 1 } })],
    ["a time that is text", saysJson({ model_version: { ...FOUND.model_version, creation_timestamp: "1" } })],
    ["a version that is no number", saysJson({ model_version: { ...FOUND.model_version, version: "1/../2" } })],
    ["another model's version", saysJson({ model_version: { ...FOUND.model_version, name: "another" } })],
    ["a missing name", saysJson({ model_version: { version: "1", creation_timestamp: 1 } })],
  ])("is refused: %s", async (_what, answer) => {
    expect(await errorOf(resolve, await meet(answer))).toMatchObject(BAD_ANSWER);
  });

  it.each([
    ["a question", resolve],
    ["a list of models", listModels],
  ])("is refused after 16 MiB, and not read on: %s", async (_what, ask) => {
    const piece = Buffer.alloc(256 * 1024, " ");
    let sent = 0;
    const registry = await meet((_request, response) => {
      response.writeHead(200);
      const more = () => {
        sent += piece.length;
        if (sent < 512 * 1024 * 1024 && response.write(piece)) setImmediate(more);
      };
      response.on("drain", more);
      more();
    });
    expect(await errorOf(ask, registry)).toMatchObject(BAD_ANSWER);
    expect(sent).toBeLessThan(64 * 1024 * 1024);
  });

  it("is no input example where the file is too large, too deep or broken", async () => {
    const mlmodel = "saved_input_example_info:\n  serving_input_path: example.json\n";
    for (const example of [" ".repeat(300_000), "{", "", `${"[".repeat(65)}${"]".repeat(65)}`]) {
      const registry = await meet((request, response) =>
        says(200, request.url?.includes("MLmodel") ? mlmodel : example)(request, response),
      );
      expect(await registry.readInputExample(version, signal)).toBeUndefined();
    }
  });

  it("is not printed where the parser of MLmodel would warn of it", async () => {
    const warned = vi.spyOn(process, "emitWarning");
    onTestFinished(() => warned.mockRestore());
    const registry = await meet(says(200, "%only-the-file-says-this\n---\na: 1\n"));
    expect(await registry.readInputExample(version, signal)).toBeUndefined();
    expect(warned).not.toHaveBeenCalled();
  });

  it.each([
    ["no YAML", "{ : ["],
    ["aliases that multiply", `a: &a [x,x]\nb: &b [${"*a,".repeat(99)}*a]\nc: [${"*b,".repeat(99)}*b]\n`],
    ["a path out of the model", "saved_input_example_info:\n  serving_input_path: ../../secret.json\n"],
    ["a path of an object", "saved_input_example_info:\n  serving_input_path: { a: 1 }\n"],
    ["very many keys", Array.from({ length: 40_000 }, (_, at) => `key${at}: 1`).join("\n")],
    ["more than 1 MiB", `# ${"x".repeat(1_100_000)}\nsaved_input_example_info:\n  serving_input_path: a.json\n`],
  ])("is no input example where MLmodel is %s", async (_what, mlmodel) => {
    const asked: string[] = [];
    const registry = await meet((request, response) => {
      asked.push(request.url ?? "");
      says(200, mlmodel)(request, response);
    });
    const started = performance.now();
    expect(await registry.readInputExample(version, signal)).toBeUndefined();
    expect(performance.now() - started).toBeLessThan(BOUND_MS);
    expect(asked).toHaveLength(1);
  });
});

describe.each(QUESTIONS)("%s", (_what, ask) => {
  it.each([301, 302, 303, 307, 308])(
    "does not follow a %d, and shows its credentials to nobody else",
    async (status) => {
      const elsewhere: string[] = [];
      const other = await serve((request, response) => {
        elsewhere.push(request.headers.authorization ?? "nothing");
        response.end();
      });
      const registry = await meet(says(status, "", { location: `${other.href}take` }));
      expect(await errorOf(ask, registry)).toMatchObject({
        ...BAD_ANSWER,
        message: expect.stringContaining(`${status}`),
      });
      expect(elsewhere).toEqual([]);
    },
  );

  it.each([408, 409, 429, 500, 502, 503, 504])(
    "is asked again later after a %d, as late as it says",
    async (status) => {
      const registry = await meet(says(status, "busy", { "retry-after": "7" }));
      expect(await errorOf(ask, registry)).toMatchObject({ ...UNREACHABLE, retryAfterSeconds: 7 });
    },
  );

  it.each(["Wed, 21 Oct 2026 07:28:00 GMT", "-1", "1e9", "99999999999"])(
    "is asked again later without a delay it cannot read: %s",
    async (value) => {
      const registry = await meet(says(503, "", { "retry-after": value }));
      expect(await errorOf(ask, registry)).toMatchObject({ ...UNREACHABLE, retryAfterSeconds: undefined });
    },
  );

  it("is refused with 401 and 403", async () => {
    for (const status of [401, 403])
      expect(await errorOf(ask, await meet(says(status, "no")))).toMatchObject({
        name: "PermanentError",
        code: "access-denied",
      });
  });

  it("tells nobody what was sent, however often the server repeats it", async () => {
    for (const status of [400, 401, 404, 500]) {
      const registry = await meet((request, response) => {
        const echo = request.headers.authorization ?? "";
        saysJson({ error_code: echo, message: echo, [echo]: echo }, status)(request, response);
      });
      await errorOf(ask, registry);
    }
  });

  it("waits no longer than its limit for a server that does not answer", async () => {
    const registry = await meet(() => undefined);
    expect(await errorOf(ask, registry)).toMatchObject({
      ...UNREACHABLE,
      message: expect.stringContaining("too long"),
    });
  });

  it("waits no longer than its limit for a body that stops", async () => {
    const registry = await meet((_request, response) => {
      response.writeHead(200, { "content-length": "1000000" });
      response.write("{");
    });
    expect(await errorOf(ask, registry)).toMatchObject({
      ...UNREACHABLE,
      message: expect.stringContaining("too long"),
    });
  });

  it("notices that the connection was cut before the answer", async () => {
    expect(await errorOf(ask, await meet((request) => request.socket.destroy()))).toMatchObject(UNREACHABLE);
  });

  it("notices that the connection was cut in the body", async () => {
    const registry = await meet((request, response) => {
      response.writeHead(200, { "content-length": "1000000" });
      response.write("x".repeat(1_000), () => request.socket.destroy());
    });
    expect(await errorOf(ask, registry)).toMatchObject(UNREACHABLE);
  });

  it("notices that nobody listens", async () => {
    const registry = createMlflowRegistry(createMlflowHttp(await nobody(), TOKEN, CALL_MS));
    expect(await errorOf(ask, registry)).toMatchObject({
      ...UNREACHABLE,
      message: expect.stringContaining("ECONNREFUSED"),
    });
  });
});

describe("a body that dribbles", () => {
  const dribble: Answer = (_request, response) => {
    response.writeHead(200);
    const timer = setInterval(() => response.write(" "), 20);
    response.on("close", () => clearInterval(timer));
  };

  it("ends a question when its time is over", async () => {
    expect(await errorOf(resolve, await meet(dribble))).toMatchObject(UNREACHABLE);
  });

  it("ends with the visit where it is an artifact's", async () => {
    const registry = await meet(dribble);
    const opened = await registry.openArtifact(version, "model.bin", AbortSignal.timeout(2 * CALL_MS));
    await expect(buffer(opened)).rejects.toMatchObject(UNREACHABLE);
  });
});

it("an artifact that nobody reads on is not sent on", async () => {
  const { promise: closed, resolve: close } = Promise.withResolvers<void>();
  const registry = await meet((_request, response) => {
    response.writeHead(200);
    response.write("x");
    response.on("close", close);
  });
  const opened = await registry.openArtifact(version, "model.bin", signal);
  opened.destroy();
  await closed;
});

describe("credentials in the tracking URI", () => {
  const withPassword = async (answer: Answer) => {
    const url = await serve(answer);
    url.username = "belay";
    url.password = "t0ken%20ü";
    return createMlflowHttp(url);
  };

  it("are sent as MLflow's own client does, and are in no address and no error", async () => {
    const seen: string[] = [];
    const http = await withPassword((request, response) => {
      seen.push(request.headers.authorization ?? "", request.url ?? "");
      says(500)(request, response);
    });
    await errorOf(resolve, createMlflowRegistry(http));
    expect(Buffer.from(seen[0]?.replace("Basic ", "") ?? "", "base64").toString()).toBe("belay:t0ken ü");
    expect(http.address("/health", {}).href).not.toContain("t0ken");
    expect(seen.join()).not.toContain("t0ken");
  });

  it("keep a build from fetching by itself", async () => {
    const registry = createMlflowRegistry(await withPassword(says(200)));
    await expect(registry.artifactAddress(version, "model.bin")).rejects.toMatchObject({ code: "build-too-large" });
  });
});

it("a tracking URI below a path is kept", async () => {
  const asked: string[] = [];
  const url = await serve((request, response) => {
    asked.push(request.url ?? "");
    saysJson(FOUND)(request, response);
  });
  await resolve(createMlflowRegistry(createMlflowHttp(new URL("/team//mlflow/", url))));
  expect(asked[0]).toMatch(/^\/team\/\/mlflow\/api\/2\.0\/mlflow\/registered-models\/alias\?/);
});

const LISTED = { name: "churn", creation_timestamp: 1 };
const LATEST = { version: "1", creation_timestamp: 2, current_stage: "Production" };
const paged = (...models: unknown[]) => ({ registered_models: models });

describe("a list of models", () => {
  it.each<[string, unknown]>([
    ["null", null],
    ["a list", []],
    ["another object", { hello: 1 }],
    ["an error that came with 200", { error_code: "INTERNAL_ERROR", message: "x" }],
    ["models that are no list", { registered_models: { churn: LISTED } }],
    ["null for a model", paged(null)],
    ["a model without a name", paged({ creation_timestamp: 1 })],
    ["a name that is a number", paged({ ...LISTED, name: 7 })],
    ["a model without a time", paged({ name: "churn" })],
    ["a time that is text", paged({ ...LISTED, creation_timestamp: "1" })],
    ["aliases that are a mapping", paged({ ...LISTED, aliases: { champion: "1" } })],
    ["an alias that is text", paged({ ...LISTED, aliases: ["champion"] })],
    ["an alias of a number", paged({ ...LISTED, aliases: [{ alias: "champion", version: 1 }] })],
    ["an alias of no version", paged({ ...LISTED, aliases: [{ alias: "champion" }] })],
    ["versions that are text", paged({ ...LISTED, latest_versions: "1" })],
    ["a version without a time", paged({ ...LISTED, latest_versions: [{ version: "1" }] })],
    ["a stage that is a number", paged({ ...LISTED, latest_versions: [{ ...LATEST, current_stage: 1 }] })],
    ["one bad model among good ones", paged(LISTED, LISTED, { name: "fraud" }, LISTED)],
    ["a token that is a number", { ...paged(LISTED), next_page_token: 2 }],
    ["a token too long for an address", { ...paged(LISTED), next_page_token: "x".repeat(100_000) }],
  ])("is refused with %s", async (_what, answer) => {
    expect(await errorOf(listModels, await meet(saysJson(answer)))).toMatchObject(BAD_ANSWER);
  });

  it.each<[string, unknown]>([
    ["nothing", {}],
    ["an empty list", paged()],
    ["an empty token", { next_page_token: "" }],
  ])("is empty with %s", async (_what, answer) => {
    expect(await listModels(await meet(saysJson(answer)))).toEqual({ models: [] });
  });

  it("is refused where MLflow does not know what it is, rather than to say that there are no models", async () => {
    const missing = saysJson({ error_code: "RESOURCE_DOES_NOT_EXIST", message: "no such workspace" }, 404);
    expect(await errorOf(listModels, await meet(missing))).toMatchObject(BAD_ANSWER);
  });

  it("asks for a page of a fixed size by name, and for the next one by the token it was given", async () => {
    const asked: string[] = [];
    const registry = await meet((request, response) => {
      asked.push(request.url ?? "");
      saysJson({ ...paged(LISTED), next_page_token: "a+b/c=&d" })(request, response);
    });
    const { next } = await listModels(registry);
    expect(next).toBe("a+b/c=&d");
    await expect(registry.listModels(next, signal)).rejects.toMatchObject(BAD_ANSWER);
    const queries = asked.map((url) => Object.fromEntries(new URL(url, "http://mlflow").searchParams));
    const first = { max_results: "200", order_by: "name ASC" };
    expect(queries).toEqual([first, { ...first, page_token: "a+b/c=&d" }]);
  });

  it("that leads back to the page that was asked for is refused", async () => {
    const registry = await meet(saysJson({ ...paged(LISTED), next_page_token: "again" }));
    const error = await errorOf((one) => one.listModels("again", signal), registry);
    expect(error).toMatchObject({ ...BAD_ANSWER, message: expect.stringContaining("leads back") });
  });

  it("takes aliases by their own names, whatever these are, and the last where one comes twice", async () => {
    const aliases = ["__proto__", "constructor", "champion"].map((alias) => ({ alias, version: "1" }));
    const registry = await meet(
      saysJson(paged({ ...LISTED, aliases: [...aliases, { alias: "champion", version: "2" }] })),
    );
    const [listed] = (await listModels(registry)).models;
    expect(Object.entries(listed?.aliases ?? {}).toSorted()).toEqual([
      ["__proto__", "1"],
      ["champion", "2"],
      ["constructor", "1"],
    ]);
    expect(listed?.aliases["toString"]).toBeUndefined();
    expect(Object.prototype).not.toHaveProperty("champion");
  });

  it("has no stages where MLflow no longer says them", async () => {
    const { current_stage: _, ...unstaged } = LATEST;
    const registry = await meet(saysJson(paged({ ...LISTED, latest_versions: [unstaged] })));
    expect((await listModels(registry)).models[0]?.latest).toEqual([{ version: "1", stage: "None", createdAt: 2 }]);
  });
});

describe("the version of a stage", () => {
  const version = (stage?: string) => ({
    ...FOUND.model_version,
    ...(stage === undefined ? {} : { current_stage: stage }),
  });

  it.each<[string, unknown]>([
    ["null", null],
    ["another object", { hello: 1 }],
    ["versions that are no list", { model_versions: FOUND.model_version }],
    ["a version without a time", { model_versions: [{ name: "churn", version: "1", current_stage: "Production" }] }],
    ["a version of another stage", { model_versions: [version("Archived")] }],
    ["a version of no stage", { model_versions: [version()] }],
  ])("is refused with %s", async (_what, answer) => {
    expect(await errorOf(resolveStage, await meet(saysJson(answer)))).toMatchObject(BAD_ANSWER);
  });

  it("is nothing where MLflow leaves out an empty list", async () => {
    expect(await resolveStage(await meet(saysJson({})))).toBeUndefined();
  });

  it("is the one that MLflow names", async () => {
    const registry = await meet(saysJson({ model_versions: [version("Production")] }));
    expect(await resolveStage(registry)).toEqual({ name: "churn", version: "1", createdAt: 1, status: "READY" });
  });
});

/** A registry whose version has these entries at its root, and an empty page for everything else. */
function listing(root: unknown, artifactUri = "mlflow-artifacts:/0/run/artifacts/model"): Promise<ModelRegistry> {
  return meet((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://mlflow");
    if (pathname.endsWith("get-download-uri")) return saysJson({ artifact_uri: artifactUri })(request, response);
    const isRoot = ["0/run/artifacts/model", null].includes(
      searchParams.get("path") ?? searchParams.get("artifact_directory_path"),
    );
    return saysJson({ files: isRoot ? root : [] })(request, response);
  });
}
const file = (path: string, file_size: unknown = 1) => ({ path, is_dir: false, file_size });

describe("a list of artifacts", () => {
  it.each([
    ["..", ".."],
    [".", "."],
    ["nothing", ""],
    ["a way up", "../secret"],
    ["an absolute path", "/etc/passwd"],
    ["a path where a name belongs", "a/b"],
    ["a backslash", "a\\b"],
    ["a newline", "a\nRUN rm"],
    ["a NUL", "a\0b"],
    ["an escape", "\u001b[2J"],
    ["a text direction", "a\u202egpj.exe"],
    ["a variable", "$HOME"],
    ["quotes", 'a"b'],
    ["a leading blank", " a"],
  ])("with %s for a name is refused", async (_what, name) => {
    for (const entry of [file(name), { path: name, is_dir: true }])
      expect(await errorOf(listArtifacts, await listing([entry]))).toMatchObject({
        name: "PermanentError",
        code: "build-broken",
      });
  });

  it.each([-1, 1.5, 1e300, "many", "-5", true, {}])("with %s for a size is refused", async (size) => {
    expect(await errorOf(listArtifacts, await listing([file("a", size)]))).toMatchObject(BAD_ANSWER);
  });

  it("with sizes as text, as JSON writes 64 bits elsewhere, is understood", async () => {
    expect(await listArtifacts(await listing([file("a", "5000000000")]))).toEqual([{ path: "a", bytes: 5e9 }]);
  });

  it("with 5,000 files is taken, with 6,000 refused", async () => {
    const files = (count: number) => Array.from({ length: count }, (_, index) => file(`part-${index}`));
    expect(await listArtifacts(await listing(files(5_000)))).toHaveLength(5_000);
    expect(await errorOf(listArtifacts, await listing(files(6_000)))).toMatchObject({
      name: "PermanentError",
      code: "build-too-large",
    });
  });

  it("with folders in folders without end is refused, after at most 501 questions", async () => {
    let asked = 0;
    const registry = await meet((request, response) => {
      asked += 1;
      const files = [{ path: `folder-${asked}`, is_dir: true }];
      const uri = { artifact_uri: "mlflow-artifacts:/0/run/artifacts/model" };
      return saysJson(request.url?.includes("get-download-uri") ? uri : { files })(request, response);
    });
    expect(await errorOf(listArtifacts, registry)).toMatchObject({ name: "PermanentError", code: "build-too-large" });
    expect(asked).toBeLessThanOrEqual(502);
  });

  it.each([
    "mlflow-artifacts://other.example/0/run/artifacts/model",
    "mlflow-artifacts://belay:t0ken@other.example/0/run/artifacts/model",
    "s3://bucket/model",
    "wasbs://container@account/model",
    "file:///etc",
    "",
  ])("of a store behind another server is refused: %s", async (uri) => {
    expect(await errorOf(listArtifacts, await listing([file("a")], uri))).toMatchObject({
      name: "PermanentError",
      code: "configuration-wrong",
    });
  });

  it("of a logged model in another store is MLflow's own", async () => {
    const registry = await listing([file("a"), { path: "folder", is_dir: true }], "s3://bucket/model");
    const logged = { ...version, modelId: `m-${"0".repeat(32)}` };
    expect(await registry.listArtifacts(logged, signal)).toEqual([{ path: "a", bytes: 1 }]);
  });

  it("of which MLflow holds back a part is refused rather than shortened", async () => {
    const registry = await meet((request, response) => {
      const uri = { artifact_uri: "s3://bucket/model" };
      const page = { files: [file("a")], next_page_token: "more" };
      return saysJson(request.url?.includes("get-download-uri") ? uri : page)(request, response);
    });
    const asked = registry.listArtifacts({ ...version, modelId: `m-${"0".repeat(32)}` }, signal);
    await expect(asked).rejects.toMatchObject({ code: "build-too-large" });
  });
});
