import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { PassThrough, Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createGunzip } from "node:zlib";
import { extract } from "tar-stream";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { createMlflowHttp } from "../../shared/adapters/mlflow/mlflow-http.ts";
import { createMlflowRegistry } from "../../shared/adapters/mlflow/model-registry.ts";
import { PermanentError, TransientError } from "../../shared/domain/errors.ts";
import type { ModelArtifact, ModelRegistry } from "../../shared/ports/model-registry.ts";
import { CARRIED_BYTES, openContext } from "../../shared/steps/build-context.ts";
import { type Answer, useServers } from "../adapters/mlflow-server.ts";
import { createFakeRegistry } from "../fakes/fake-registry.ts";

const MIB = 1024 * 1024;
const serve = useServers();
const signal = AbortSignal.timeout(60_000);
const version = { name: "churn", version: "1", createdAt: 1, status: "READY" };
const dockerfile = (text: string) => ({ hash: "t", files: [{ path: "Dockerfile", content: Buffer.from(text) }] });
const TEMPLATE = dockerfile("FROM scratch\nCOPY model/ /srv/model\n");

const open = (registry: ModelRegistry, artifacts: readonly ModelArtifact[], template = TEMPLATE, ends = signal) =>
  openContext(registry, { template, version, artifacts }, ends);

/** A registry whose artifacts come from there. */
const opening = (openArtifact: ModelRegistry["openArtifact"]): ModelRegistry => ({
  ...createFakeRegistry(),
  openArtifact,
});

/** Every file of a context, by path. */
async function unpack(context: Readable): Promise<Record<string, Buffer>> {
  const entries = extract();
  const files: Record<string, Buffer> = {};
  context.on("error", (error) => entries.destroy(error));
  context.pipe(createGunzip()).pipe(entries);
  for await (const entry of entries) files[entry.header.name] = await buffer(entry);
  return files;
}

describe("a context", () => {
  it("holds the template and below model/ every artifact, byte for byte", async () => {
    const artifacts = {
      MLmodel: "flavors: {}",
      "data/weights.bin": randomBytes(300_000),
      empty: "",
      "names/with blank (1) é 日本.txt": "x",
      [`${"deep/".repeat(40)}file`]: "deep",
    };
    const registry = createFakeRegistry();
    const model = registry.register("churn", "1", { artifacts });
    const template = {
      hash: "t",
      files: [...TEMPLATE.files, { path: "server/empty.py", content: Buffer.alloc(0) }],
    };
    const listed = await registry.listArtifacts(model, signal);
    const files = await unpack(await open(registry, listed, template));
    expect(Object.keys(files)).toEqual(["Dockerfile", "server/empty.py", ...listed.map(({ path }) => `model/${path}`)]);
    for (const [path, content] of Object.entries(artifacts))
      expect(files[`model/${path}`]?.equals(Buffer.from(content))).toBe(true);
    expect(files["Dockerfile"]?.toString()).toBe("FROM scratch\nCOPY model/ /srv/model\n");
  });

  it("asks for one artifact after the other, and for none before it is read", async () => {
    let under = 0;
    const seen: number[] = [];
    const registry = opening(async () => {
      seen.push(++under);
      return Readable.from([Buffer.from("x")]).on("close", () => under--);
    });
    const context = await open(
      registry,
      ["a", "b", "c"].map((path) => ({ path, bytes: 1 })),
    );
    expect(seen).toEqual([]);
    await buffer(context);
    expect(seen).toEqual([1, 1, 1]);
  });
});

it("a model of 200 MiB takes at most 64 MiB of memory, beside garbage that was not collected yet", async () => {
  // Three parts of four compress well, which only saves the test's time.
  const piece = Buffer.concat([randomBytes(MIB / 4), Buffer.alloc((3 * MIB) / 4)]);
  const url = await serve((request, response) => {
    let left = Number(/path=(\d+)\.bin/.exec(request.url ?? "")?.[1]);
    response.writeHead(200, { "content-length": left });
    const more = () => {
      while (left > 0) {
        const part = piece.subarray(0, left);
        left -= part.length;
        if (!response.write(part)) return;
      }
      response.end();
    };
    response.on("drain", more);
    more();
  });
  const script = fileURLToPath(new URL("measure-context.ts", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ["--expose-gc", script, url.href, String(200 * MIB)]);
  const { grownBytes } = z.object({ grownBytes: z.number() }).parse(JSON.parse(stdout));
  expect(grownBytes).toBeLessThan(64 * MIB);
});

describe("a model above 256 MiB", () => {
  const LARGE = [
    { path: "MLmodel", bytes: 1 },
    { path: "data/with blank $& (1).bin", bytes: CARRIED_BYTES + 1 },
  ];
  const textOf = async (context: Readable) => {
    const files = await unpack(context);
    expect(Object.keys(files)).toEqual(["Dockerfile"]);
    return files["Dockerfile"]?.toString();
  };
  const untouched = opening(() => expect.fail("an artifact was opened"));

  it("is fetched by the build, file by file", async () => {
    const text = "FROM scratch\n# COPY model/ here\nCOPY model/ /srv/model\n\nCOPY server/ /srv\n";
    expect(await textOf(await open(untouched, LARGE, dockerfile(text)))).toBe(
      [
        "FROM scratch",
        "# COPY model/ here",
        'ADD ["http://registry.invalid/churn/1/MLmodel","/srv/model/MLmodel"]',
        'ADD ["http://registry.invalid/churn/1/data%2Fwith%20blank%20%24%26%20(1).bin","/srv/model/data/with blank $& (1).bin"]',
        "",
        "COPY server/ /srv",
        "",
      ].join("\n"),
    );
  });

  it.each(["COPY model/ /m", "COPY model /m/", "copy\tmodel/\t/m", "COPY model/ /m\r"])(
    "is fetched in the place of %j, wherever it stands",
    async (line) => {
      const text = await textOf(
        await open(untouched, LARGE.slice(1), dockerfile(`FROM a\n${line}\nFROM b\n${line}\n`)),
      );
      expect(text).not.toContain("COPY");
      expect(text?.match(/^ADD \["[^ ]+","\/m\/data\/with blank/gm)).toHaveLength(2);
    },
  );

  it.each(["FROM scratch", "COPY --chown=1 model/ /m", "COPY model/ other/ /m", "COPY models/ /m"])(
    "is refused where the Dockerfile only says %j",
    async (text) => {
      await expect(open(untouched, LARGE, dockerfile(text))).rejects.toMatchObject({
        name: "PermanentError",
        code: "build-too-large",
      });
    },
  );

  it("is refused where its files cannot be fetched without credentials", async () => {
    const registry = createMlflowRegistry(createMlflowHttp(new URL("http://127.0.0.1"), "Bearer token"));
    await expect(open(registry, LARGE)).rejects.toMatchObject({ name: "PermanentError", code: "build-too-large" });
  });

  it("is carried up to the last byte of 256 MiB", async () => {
    const carried = new PermanentError("unexpected", "it was opened");
    const context = await open(
      opening(() => Promise.reject(carried)),
      [{ path: "a", bytes: CARRIED_BYTES }],
    );
    await expect(buffer(context)).rejects.toBe(carried);
  });
});

describe("an artifact that is not as long as it was listed", () => {
  it.each([
    ["shorter", 10, "only 9"],
    ["longer", 8, "more"],
    ["there at all", 0, "more"],
  ])("fails the context, and may be listed anew: %s", async (_what, bytes, came) => {
    const context = await open(
      opening(async () => Readable.from([Buffer.from("12345"), Buffer.from("6789")])),
      [{ path: "a", bytes }],
    );
    await expect(buffer(context)).rejects.toMatchObject({
      name: "TransientError",
      code: "bad-answer",
      message: expect.stringContaining(came),
    });
  });

  it("is not read beyond what was listed", async () => {
    let given = 0;
    const endless = new Readable({
      read() {
        given += 1;
        this.push(Buffer.alloc(MIB));
      },
    });
    const context = await open(
      opening(async () => endless),
      [{ path: "a", bytes: MIB }],
    );
    await expect(buffer(context)).rejects.toMatchObject({ name: "TransientError" });
    expect(endless.destroyed).toBe(true);
    expect(given).toBeLessThan(10);
  });
});

describe("an MLflow that fails in the middle", () => {
  const lost = new TransientError("unreachable", "MLflow is gone.");
  const some = Array.from({ length: 3 }, (_, index) => ({ path: `part-${index}`, bytes: 100_000 }));

  it("fails the context where it does not give the next artifact", async () => {
    let opened = 0;
    const registry = opening(async () => {
      opened += 1;
      if (opened === 2) throw lost;
      return Readable.from([randomBytes(100_000)]);
    });
    await expect(buffer(await open(registry, some))).rejects.toBe(lost);
    expect(opened).toBe(2);
  });

  it("fails the context where an artifact breaks off with an error", async () => {
    const broken = async function* () {
      yield randomBytes(50_000);
      throw lost;
    };
    const registry = opening(async () => Readable.from(broken()));
    await expect(buffer(await open(registry, some))).rejects.toBe(lost);
  });

  it.each<[string, Answer]>([
    ["cut", (request, response) => void response.write(randomBytes(60_000), () => request.socket.destroy())],
    ["silent", (_request, response) => void response.write(randomBytes(60_000))],
  ])("fails the context over the network: %s", async (_what, meet) => {
    const url = await serve((request, response) => {
      response.writeHead(200, { "content-length": 100_000 });
      meet(request, response);
    });
    const registry = createMlflowRegistry(createMlflowHttp(url, undefined, 300));
    await expect(buffer(await open(registry, some))).rejects.toMatchObject({
      name: "TransientError",
      code: "unreachable",
    });
  });

  it("fails the context when the visit is over", async () => {
    const over = new AbortController();
    const registry = opening(async () => {
      setImmediate(() => over.abort(new Error("the visit is over")));
      return new PassThrough();
    });
    await expect(buffer(await open(registry, some, TEMPLATE, over.signal))).rejects.toThrow();
  });
});

describe("a reader that leaves", () => {
  const one = [{ path: "a", bytes: 100 * MIB }];

  it("before it read anything has asked for nothing", async () => {
    let opened = 0;
    const context = await open(
      opening(async () => {
        opened += 1;
        return Readable.from([]);
      }),
      one,
    );
    context.destroy();
    await once(context, "close");
    expect(opened).toBe(0);
  });

  it("in the middle stops what is sent", async () => {
    const { promise: closed, resolve: close } = Promise.withResolvers<void>();
    const url = await serve((_request, response) => {
      response.writeHead(200, { "content-length": 100 * MIB });
      response.write(randomBytes(MIB));
      response.on("close", close);
    });
    const context = await open(createMlflowRegistry(createMlflowHttp(url)), one);
    let read = 0;
    for await (const chunk of context) {
      read += z.instanceof(Buffer).parse(chunk).byteLength;
      if (read > 100_000) break;
    }
    await closed;
    expect(context.destroyed).toBe(true);
  });

  it("while an artifact is asked for waits for nobody, and what comes too late is closed", async () => {
    const late = Promise.withResolvers<Readable>();
    const asked = Promise.withResolvers<void>();
    const context = await open(
      opening(() => {
        asked.resolve();
        return late.promise;
      }),
      one,
    );
    context.resume();
    await asked.promise;
    context.destroy();
    await once(context, "close");
    const artifact = new PassThrough();
    late.resolve(artifact);
    await once(artifact, "close");
    expect(artifact.destroyed).toBe(true);
  });

  it("with an error gets that error", async () => {
    const why = new Error("the upload failed");
    const context = await open(
      opening(async () => new PassThrough()),
      one,
    );
    context.resume();
    context.destroy(why);
    expect(await once(context, "error")).toEqual([why]);
  });
});
