// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Dockerfiles write their variables so.
import { once } from "node:events";
import { mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { createContainerRegistry } from "../../../infra/local/container-registry/container-registry.ts";
import { digestOf } from "../../../infra/local/container-registry/image-format.ts";
import { pullImage } from "../../../infra/local/container-registry/pull.ts";
import { type BuildOptions, createImageBuilder } from "../../../infra/local/image-builder/image-builder.ts";
import { type Entry, pushImage, tarOf } from "../container-registry/push-image.ts";

const registry = createContainerRegistry();
const builder = createImageBuilder();
let base = "";
let count = 0;
let lines: string[] = [];

beforeAll(async () => {
  await registry.listen();
  base = await mkdtemp(join(tmpdir(), "image-builder-test-"));
});
beforeEach(() => {
  count += 1;
  lines = [];
});
afterAll(async () => {
  await registry.close();
  await rm(base, { recursive: true, force: true });
});

type Files = Readonly<Record<string, string>> | readonly Entry[];

async function contextOf(files: Files): Promise<string> {
  const entries = Array.isArray(files) ? files : Object.entries(files).map(([name, content]) => ({ name, content }));
  const file = join(base, `context-${count}-${Math.random()}.tar.gz`);
  await writeFile(file, gzipSync(await tarOf(entries)));
  return file;
}

async function build(dockerfile: string | string[], files: Files = {}, more: Partial<BuildOptions> = {}) {
  const text = typeof dockerfile === "string" ? dockerfile : dockerfile.join("\n");
  const own = { name: "Dockerfile", content: text };
  const given = Array.isArray(files) ? files : Object.entries(files).map(([name, content]) => ({ name, content }));
  return builder.build({
    contextTarGz: await contextOf([own, ...given]),
    dockerfile: "Dockerfile",
    buildArguments: {},
    platform: "linux/amd64",
    registry: { url: registry.url },
    tags: [`built/image:v${count}`],
    log: (line) => lines.push(line),
    ...more,
  });
}

async function pull(reference = `v${count}`, repository = "built/image") {
  const directory = join(base, `image-${count}-${Math.random()}`);
  const image = await pullImage({ url: registry.url, repository, reference, directory });
  return { ...image, directory, read: (path: string) => readFile(join(directory, path), "utf8") };
}

async function namesIn(directory: string): Promise<string[]> {
  return (await readdir(directory, { recursive: true })).sort();
}

test("an image is built, pushed under its tags, and is what the Dockerfile says", async () => {
  const result = await build(
    [
      "# syntax=docker/dockerfile:1",
      "ARG BASE=scratch",
      "FROM ${BASE} AS runtime",
      "ARG MODEL_NAME",
      "ARG PORT=8080",
      'ENV MODEL_NAME=${MODEL_NAME} GREETING="hello there"',
      "ENV LEGACY one two",
      'LABEL org.belay.model="$MODEL_NAME" \\',
      "      org.belay.kind=model",
      "WORKDIR /srv",
      "WORKDIR app",
      "COPY server.js package.json ./",
      "COPY --chmod=0755 --chown=1000:1000 run.sh /usr/local/bin/run",
      "EXPOSE $PORT 9090/udp",
      "VOLUME /data",
      "STOPSIGNAL SIGTERM",
      "HEALTHCHECK --interval=1m30s --retries=2 CMD /bin/check",
      "USER 1000",
      'ENTRYPOINT ["node"]',
      'CMD ["server.js"]',
    ],
    { "server.js": "serve()", "package.json": "{}", "run.sh": "#!/bin/sh" },
    { buildArguments: { MODEL_NAME: "fraud", UNUSED: "x" }, tags: ["built/image:whole", "built/image:latest"] },
  );
  const image = await pull("latest");
  expect(result).toEqual({ digest: image.digest, repository: "built/image", tags: ["whole", "latest"] });
  expect(image.config).toEqual({
    Env: [
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      "MODEL_NAME=fraud",
      "GREETING=hello there",
      "LEGACY=one two",
    ],
    Cmd: ["server.js"],
    Entrypoint: ["node"],
    WorkingDir: "/srv/app",
    User: "1000",
    ExposedPorts: { "8080/tcp": {}, "9090/udp": {} },
    Volumes: { "/data": {} },
    Labels: { "org.belay.model": "fraud", "org.belay.kind": "model" },
  });
  expect(await namesIn(image.directory)).toEqual([
    "srv",
    "srv/app",
    "srv/app/package.json",
    "srv/app/server.js",
    "usr",
    "usr/local",
    "usr/local/bin",
    "usr/local/bin/run",
  ]);
  expect((await stat(join(image.directory, "usr/local/bin/run"))).mode & 0o777).toBe(0o755);
  expect(lines[1]).toBe("Step 2/18 : FROM ${BASE} AS runtime");
  expect(lines).toContain("[Warning] One or more build-args [UNUSED] were not consumed");
  expect(lines).toContain("Successfully tagged built/image:whole");
  expect(lines.at(-1)).toMatch(/^latest: digest: sha256:[0-9a-f]{64} size: \d+$/);

  const stored = await configOf(image.digest);
  expect(stored).toMatchObject({
    architecture: "amd64",
    os: "linux",
    created: "1970-01-01T00:00:00.000Z",
    config: {
      StopSignal: "SIGTERM",
      Healthcheck: { Test: ["CMD-SHELL", "/bin/check"], Interval: 90_000_000_000, Retries: 2 },
    },
  });
  expect(stored.history.filter(({ empty_layer }) => !empty_layer)).toHaveLength(stored.rootfs.diff_ids.length);
});

type StoredConfig = { history: { empty_layer?: boolean }[]; rootfs: { diff_ids: string[] } };

async function configOf(digest: string, repository = "built/image"): Promise<StoredConfig> {
  const path = `${registry.url}/v2/${repository}`;
  const manifest: { config: { digest: string } } = JSON.parse(
    await (await fetch(`${path}/manifests/${digest}`)).text(),
  );
  return JSON.parse(await (await fetch(`${path}/blobs/${manifest.config.digest}`)).text());
}

test("the same input makes the same digest, and blobs that are there are not sent again", async () => {
  const files = { "b/two": "2", "b/one": "1", "a.txt": "a" };
  const dockerfile = ["FROM scratch", "COPY . /app/", "COPY a.txt /other"];
  const first = await build(dockerfile, files);
  const uploads = registry.requests()["PUT blobs/uploads"];
  lines = [];
  const reordered = Object.fromEntries(Object.entries(files).reverse());
  const second = await build(dockerfile, reordered);
  expect(second.digest).toBe(first.digest);
  expect(registry.requests()["PUT blobs/uploads"]).toBe(uploads);
  expect(lines.filter((line) => line.endsWith("Layer already exists"))).toHaveLength(2);
  expect((await build(dockerfile, { ...files, "a.txt": "b" })).digest).not.toBe(first.digest);
});

describe("FROM an image of the registry", () => {
  beforeAll(async () => {
    await build(
      [
        "FROM scratch",
        "ENV A=base B=base",
        'CMD ["base"]',
        "LABEL base=yes",
        "COPY tools/ /usr/tools/",
        "COPY links/ /",
        "WORKDIR /home",
      ],
      [
        { name: "tools/tool", content: "tool", mode: 0o755 },
        { name: "links/bin", type: "symlink", linkname: "usr/tools" },
      ],
      { tags: ["bases/node:24"] },
    );
  });

  test("its layers and configuration are inherited", async () => {
    await build(["FROM bases/node:24", "ENV B=own", "COPY model /model"], { model: "weights" });
    const { config, read } = await pull();
    expect(config).toMatchObject({ Cmd: ["base"], Labels: { base: "yes" }, WorkingDir: "/home" });
    expect(config.Env).toEqual([expect.stringContaining("PATH="), "A=base", "B=own"]);
    expect([await read("usr/tools/tool"), await read("model")]).toEqual(["tool", "weights"]);
    expect(lines.filter((line) => line.endsWith("Mounted from bases/node"))).toHaveLength(3);
  });

  test("its directories, and links to them, are known as such", async () => {
    await build(["FROM bases/node:24", "COPY one /usr/tools", "COPY two /bin"], { one: "1", two: "2" });
    const { read } = await pull();
    expect([await read("usr/tools/one"), await read("usr/tools/two"), await read("usr/tools/tool")]).toEqual([
      "1",
      "2",
      "tool",
    ]);
  });

  test("what its later layers took away is no directory any more", async () => {
    await pushImage(registry.url, "bases/raw", "1", [
      [
        { name: "gone/", type: "directory" },
        { name: "emptied/sub/", type: "directory" },
        { name: "kept/", type: "directory" },
      ],
      [
        { name: ".wh.gone", content: "" },
        { name: "emptied/.wh..wh..opq", content: "" },
      ],
    ]);
    await build(["FROM bases/raw:1", "COPY f /gone", "COPY f /emptied/sub", "COPY f /kept"], { f: "f" });
    const { directory } = await pull();
    expect(await namesIn(directory)).toEqual(["emptied", "emptied/sub", "gone", "kept", "kept/f"]);
    expect((await stat(join(directory, "emptied/sub"))).isFile()).toBe(true);
  });

  test("it may be named by digest and with the registry's address", async () => {
    const digest = registry.repositories().find(({ name }) => name === "bases/node")?.tags["24"];
    await build([`FROM ${registry.loginServer}/bases/node@${digest}`, "USER me"]);
    expect((await pull()).config).toMatchObject({ User: "me", Cmd: ["base"] });
  });

  test("an ENTRYPOINT of one's own takes the base's CMD away", async () => {
    await build(["FROM bases/node:24", "ENTRYPOINT serve --fast"]);
    expect((await pull()).config).toMatchObject({ Entrypoint: ["/bin/sh", "-c", "serve --fast"], Cmd: [] });
  });
});

describe("COPY", () => {
  const files = { "src/a.txt": "a", "src/b.txt": "b", "src/sub/c.md": "c", "top.txt": "t" };
  const cases: [string, string[], string[]][] = [
    ["a file to a name", ["COPY top.txt /x/y"], ["x", "x/y"]],
    ["a file into a directory", ["COPY top.txt /x/"], ["x", "x/top.txt"]],
    ["a file into the working directory", ["WORKDIR /w", "COPY top.txt ."], ["w", "w/top.txt"]],
    ["a file into a directory that is there", ["WORKDIR /w", "COPY top.txt /w"], ["w", "w/top.txt"]],
    ["the content of a directory", ["COPY src /x"], ["x", "x/a.txt", "x/b.txt", "x/sub", "x/sub/c.md"]],
    ["what a wildcard matches", ["COPY src/*.txt /x/"], ["x", "x/a.txt", "x/b.txt"]],
    ["what two wildcards match", ["COPY src/?.t* top.* /x/"], ["x", "x/a.txt", "x/b.txt", "x/top.txt"]],
    ["a list", ['COPY ["top.txt", "src/a.txt", "/x y/"]'], ["x y", "x y/a.txt", "x y/top.txt"]],
    ["with a leading slash, of the context", ["COPY /top.txt /"], ["top.txt"]],
    ["with variables", ["ARG D=x", "COPY ${D:+top.txt} /$D/"], ["x", "x/top.txt"]],
    ["nothing, when only WORKDIR makes a directory", ["WORKDIR /a/b", "WORKDIR /c"], ["a", "a/b", "c"]],
  ];

  test.each(cases)("%s", async (_, steps, expected) => {
    await build(["FROM scratch", ...steps], files);
    expect(await namesIn((await pull()).directory)).toEqual(expected);
  });

  test("links are kept inside a directory and followed when named", async () => {
    await build(
      ["FROM scratch", "COPY d /d/", "COPY d/link /copied"],
      [
        { name: "d/real", content: "real" },
        { name: "d/link", type: "symlink", linkname: "real" },
      ],
    );
    const { directory, read } = await pull();
    expect(await readlink(join(directory, "d/link"))).toBe("real");
    expect(await read("copied")).toBe("real");
  });

  test("what .dockerignore excludes is not copied", async () => {
    await build(["FROM scratch", "COPY . /"], {
      ...files,
      "data/big.csv": "1,2",
      ".dockerignore": "**/*.md\nsrc/b.txt\nDockerfile\n.dockerignore\ndata\n!src/sub/c.md\n",
    });
    expect(await namesIn((await pull()).directory)).toEqual(["src", "src/a.txt", "src/sub", "src/sub/c.md", "top.txt"]);
    await expect(
      build(["FROM scratch", "COPY src/b.txt /"], { ...files, ".dockerignore": "src/b.txt" }),
    ).rejects.toThrow("stat src/b.txt: file does not exist");
  });

  test.each([
    [
      "COPY missing.txt /",
      "COPY failed: file not found in build context or excluded by .dockerignore: stat missing.txt: file does not exist (line 2, COPY)",
    ],
    ["COPY top.txt/x /", "stat top.txt/x: file does not exist"],
    ["COPY *.none /", "COPY failed: no source files were specified"],
    ["COPY ../etc/passwd /", "COPY failed: forbidden path outside the build context: ../etc/passwd"],
    ["COPY src/*.txt /x", "the destination must be a directory and end with a /"],
    ["COPY s*/a.txt /", "in the last part of a path only"],
    ["COPY only", "requires at least two arguments"],
    ["COPY --from=other a b", "COPY --from is not supported"],
    ["COPY --chmod=u+x top.txt /", "--chmod=u+x is not an octal mode"],
  ])("%s fails", async (step, message) => {
    await expect(build(["FROM scratch", step], files)).rejects.toMatchObject({
      name: "BuildError",
      message: expect.stringContaining(message),
    });
  });
});

describe("ADD of an address", () => {
  let server: Server;
  let origin = "";

  beforeAll(async () => {
    server = createServer((request, response) => {
      if (request.url === "/models/model.bin?sig=secret") response.end("weights");
      else response.writeHead(403).end();
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    const address = server.address();
    origin = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  test.each([
    ["a directory", "/models/", "models/model.bin"],
    ["a name", "/srv/m", "srv/m"],
  ])("fetches the file into %s", async (_, destination, path) => {
    const steps = [
      "FROM scratch",
      "ARG MODEL",
      `ADD --checksum=${digestOf(Buffer.from("weights"))} $MODEL ${destination}`,
    ];
    const buildArguments = { MODEL: `${origin}/models/model.bin?sig=secret` };
    await build(steps, {}, { buildArguments });
    const { directory, read } = await pull();
    expect(await read(path)).toBe("weights");
    expect((await stat(join(directory, path))).mode & 0o777).toBe(0o600);
    expect(lines.join("\n")).not.toContain("secret");
  });

  test("fails without telling what may be secret", async () => {
    const failed = build(["FROM scratch", `ADD ${origin}/other?sig=secret /x`]);
    await expect(failed).rejects.toThrow(`ADD failed: ${origin}/other was answered 403 (line 2, ADD)`);
  });

  test.each([
    [`--checksum=sha256:${"0".repeat(64)} ORIGIN/models/model.bin?sig=secret /x`, "has the checksum sha256:"],
    ["ORIGIN/ /x/", "cannot determine filename"],
    ["http://127.0.0.1:1/x /x", "does not answer"],
    ["local.txt /x", "use COPY"],
    ["https://example.org/repository.git /x", "use COPY"],
    ["ORIGIN/a ORIGIN/b /x/", "one address at a time"],
  ])("ADD %s fails", async (step, message) => {
    await expect(build(["FROM scratch", `ADD ${step.replaceAll("ORIGIN", origin)}`])).rejects.toThrow(message);
  });
});

describe("what cannot be built fails in one line", () => {
  test("RUN, after the steps before it", async () => {
    const failed = build(["FROM scratch", "COPY a /", "RUN pip install mlflow", "CMD x"], { a: "a" });
    await expect(failed).rejects.toThrow(/^RUN is not supported by the built-in builder.* \(line 3, RUN\)$/);
    expect(lines.filter((line) => line.startsWith("Step"))).toEqual([
      "Step 1/4 : FROM scratch",
      "Step 2/4 : COPY a /",
      "Step 3/4 : RUN pip install mlflow",
    ]);
  });

  test.each([
    [["FROM scratch", "FOO bar"], "on line 2: unknown instruction: FOO"],
    [["RUN <<EOF", "x", "EOF"], "FROM must come first"],
    [["ARG A=1"], "FROM is missing"],
    [["FROM scratch", "FROM scratch"], "more than one FROM"],
    [["FROM bases/unknown:1"], "manifest for bases/unknown:1 not found"],
    [["FROM mcr.microsoft.com/azurelinux:3"], "from its own registry"],
    [["FROM a b"], "FROM requires either one or three arguments"],
    [["FROM $EMPTY"], "should not be blank"],
    [["FROM scratch", 'SHELL ["x"]'], "SHELL is not supported"],
    [["FROM scratch", "ENV A"], "must have two arguments"],
    [["FROM scratch", "LABEL a=1 b"], 'can\'t find = in "b"'],
    [["FROM scratch", "EXPOSE 80-90"], "invalid containerPort: 80-90"],
    [["FROM scratch", "HEALTHCHECK curl x"], 'Unknown type "curl"'],
    [["FROM scratch", "HEALTHCHECK --interval=soon CMD x"], 'invalid duration "soon"'],
  ])("%j", async (dockerfile, message) => {
    await expect(build(dockerfile)).rejects.toMatchObject({
      name: "BuildError",
      message: expect.stringContaining(message),
    });
  });

  test.each<[string, Entry[]]>([
    ["a name with ..", [{ name: "../escaped", content: "x" }]],
    ["an absolute name", [{ name: "/escaped", content: "x" }]],
    ["a link outside", [{ name: "link", type: "symlink", linkname: "../../etc/passwd" }]],
    ["an absolute link", [{ name: "link", type: "symlink", linkname: "/etc/passwd" }]],
    ["a device", [{ name: "null", type: "character-device" }]],
  ])("a context with %s", async (_, entries) => {
    await expect(build("FROM scratch", entries)).rejects.toThrow("the build context is refused");
  });

  test("a context that is not a packed archive", async () => {
    const contextTarGz = join(base, "broken.tar.gz");
    await writeFile(contextTarGz, "not gzip");
    await expect(build("FROM scratch", {}, { contextTarGz })).rejects.toThrow("the build context cannot be unpacked");
  });

  test.each<[Partial<BuildOptions>, string]>([
    [{ dockerfile: "other/Dockerfile" }, "Cannot locate specified Dockerfile: other/Dockerfile"],
    [{ dockerfile: "../Dockerfile.outside" }, "Cannot locate specified Dockerfile"],
    [{ tags: [] }, "tags of exactly one repository"],
    [{ tags: ["a:1", "b:1"] }, "tags of exactly one repository"],
    [{ tags: ["Bad:1"] }, "invalid reference format"],
    [{ platform: "windows/amd64" }, "linux only"],
  ])("%o", async (options, message) => {
    await expect(build("FROM scratch", {}, options)).rejects.toThrow(message);
  });
});

test("a build that is stopped ends, and no build leaves anything behind", async () => {
  const temporary = await mkdtemp(join(base, "tmp-"));
  vi.stubEnv("TMPDIR", temporary);
  const controller = new AbortController();
  const seen: string[] = [];
  const log = (line: string) => {
    seen.push(line);
    if (line.startsWith("Step 2")) controller.abort(new Error("stopped by a person"));
  };
  const stopped = build(["FROM scratch", "COPY a /", "USER x"], { a: "a" }, { log, signal: controller.signal });
  await expect(stopped).rejects.toThrow();
  expect(seen).toEqual(["Step 1/3 : FROM scratch", "Step 2/3 : COPY a /"]);
  await expect(build(["FROM scratch", "RUN x"])).rejects.toThrow("RUN");
  await build(["FROM scratch", "COPY a /"], { a: "a" });
  await pull();
  vi.unstubAllEnvs();
  expect(await readdir(temporary)).toEqual([]);
});
