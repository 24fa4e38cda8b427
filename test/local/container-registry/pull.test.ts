import { once } from "node:events";
import { lstat, mkdtemp, readdir, readFile, readlink, rm, stat } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createContainerRegistry } from "../../../infra/local/container-registry/container-registry.ts";
import { MEDIA_TYPES } from "../../../infra/local/container-registry/image-format.ts";
import { pullImage } from "../../../infra/local/container-registry/pull.ts";
import { type Entry, pushImage, putManifest } from "./push-image.ts";

const registry = createContainerRegistry();
let base = "";
let count = 0;
let directory = "";

beforeAll(async () => {
  await registry.listen();
  base = await mkdtemp(join(tmpdir(), "pull-test-"));
});
beforeEach(() => {
  count += 1;
  directory = join(base, `image-${count}`);
});
afterAll(async () => {
  await registry.close();
  await rm(base, { recursive: true, force: true });
});

async function namesIn(path: string, recursive = false): Promise<string[]> {
  return (await readdir(path, { recursive })).sort();
}

async function pull(layers: readonly (readonly Entry[])[], config: Record<string, unknown> = {}) {
  await pushImage(registry.url, "pulled", `v${count}`, layers, config);
  return pullImage({ url: registry.url, repository: "pulled", reference: `v${count}`, directory });
}

test("layers are laid over each other and the configuration is handed back", async () => {
  const { digest } = await pushImage(
    registry.url,
    "pulled",
    "whole",
    [
      [
        { name: "app/", type: "directory", mode: 0o755 },
        { name: "app/server.js", content: "one" },
      ],
      [
        { name: "app/server.js", content: "two", mode: 0o755 },
        { name: "etc/deep/er", content: "x" },
      ],
    ],
    {
      Env: ["A=1"],
      Cmd: ["server.js"],
      Entrypoint: ["node"],
      WorkingDir: "/srv/work",
      User: "1000",
      ExposedPorts: { "8080/tcp": {} },
      Labels: { model: "fraud" },
    },
  );
  const image = await pullImage({ url: registry.url, repository: "pulled", reference: "whole", directory });
  expect(image).toEqual({
    digest,
    config: {
      Env: ["A=1"],
      Cmd: ["server.js"],
      Entrypoint: ["node"],
      WorkingDir: "/srv/work",
      User: "1000",
      ExposedPorts: { "8080/tcp": {} },
      Volumes: {},
      Labels: { model: "fraud" },
    },
  });
  expect(await readFile(join(directory, "app/server.js"), "utf8")).toBe("two");
  expect((await stat(join(directory, "app/server.js"))).mode & 0o777).toBe(0o755);
  expect((await stat(join(directory, "srv/work"))).isDirectory()).toBe(true);
  expect(await namesIn(directory)).toEqual(["app", "etc", "srv"]);
});

test("what an image does not say is empty", async () => {
  const { config } = await pull([], { Cmd: null });
  expect(config).toMatchObject({ Env: [], Cmd: [], Entrypoint: [], WorkingDir: "", User: "", Labels: {} });
});

test("of an index the image for this machine is taken, and the index's digest reported", async () => {
  const { digest, manifest } = await pushImage(registry.url, "pulled", "mine", [[{ name: "a", content: "mine" }]]);
  const size = JSON.stringify(manifest).length;
  const architecture = process.arch === "x64" ? "amd64" : process.arch;
  const entry = (platform: { os: string; architecture: string }) => ({
    mediaType: MEDIA_TYPES.manifest,
    digest,
    size,
    platform,
  });
  const put = (tag: string, platforms: { os: string; architecture: string }[]) =>
    putManifest(registry.url, "pulled", tag, {
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.index,
      manifests: platforms.map(entry),
    } as { mediaType: string });
  const index = await put("index", [
    { os: "windows", architecture },
    { os: "linux", architecture },
  ]);
  const image = await pullImage({ url: registry.url, repository: "pulled", reference: "index", directory });
  expect(image.digest).toBe(index.headers.get("docker-content-digest"));
  await put("foreign", [{ os: "windows", architecture }]);
  await expect(
    pullImage({ url: registry.url, repository: "pulled", reference: "foreign", directory }),
  ).rejects.toMatchObject({ fault: "not-found" });
});

describe("whiteouts", () => {
  const lower = [
    { name: "keep/a", content: "a" },
    { name: "keep/b", content: "b" },
    { name: "dir/old", content: "old" },
    { name: "dir/sub/old", content: "old" },
  ];

  test("a whiteout takes away one name of the layers below", async () => {
    await pull([lower, [{ name: "keep/.wh.a", content: "" }]]);
    expect(await namesIn(join(directory, "keep"))).toEqual(["b"]);
  });

  test("an opaque whiteout takes away everything below, wherever it stands in its layer", async () => {
    await pull([
      lower,
      [
        { name: "dir/sub/new", content: "new" },
        { name: "dir/.wh..wh..opq", content: "" },
        { name: "dir/after", content: "new" },
      ],
    ]);
    expect(await namesIn(join(directory, "dir"), true)).toEqual(["after", "sub", "sub/new"]);
  });

  test("a whiteout does not touch what its own layer brings", async () => {
    await pull([
      lower,
      [
        { name: "keep/a", content: "new" },
        { name: "keep/.wh.a", content: "" },
      ],
    ]);
    expect(await readFile(join(directory, "keep/a"), "utf8")).toBe("new");
  });
});

describe("links", () => {
  test("links inside the image are kept, absolute ones are turned into the image", async () => {
    await pull([
      [
        { name: "usr/bin/tool", content: "tool" },
        { name: "bin", type: "symlink", linkname: "usr/bin" },
        { name: "opt/tool", type: "symlink", linkname: "/usr/bin/tool" },
        { name: "usr/bin/same", type: "link", linkname: "usr/bin/tool" },
      ],
      [{ name: "bin/other", content: "through the link" }],
    ]);
    expect(await readlink(join(directory, "opt/tool"))).toBe("../usr/bin/tool");
    expect(await readFile(join(directory, "opt/tool"), "utf8")).toBe("tool");
    expect(await readFile(join(directory, "usr/bin/same"), "utf8")).toBe("tool");
    expect(await readFile(join(directory, "usr/bin/other"), "utf8")).toBe("through the link");
  });

  test("a file replaces a link instead of being written through it", async () => {
    await pull([
      [
        { name: "real", content: "real" },
        { name: "link", type: "symlink", linkname: "real" },
      ],
      [{ name: "link", content: "new" }],
    ]);
    expect((await lstat(join(directory, "link"))).isFile()).toBe(true);
    expect(await readFile(join(directory, "real"), "utf8")).toBe("real");
  });
});

describe("what leads out of the directory is refused", () => {
  test.each<[string, Entry[]]>([
    ["a name with ..", [{ name: "../escaped", content: "x" }]],
    ["a name with .. inside", [{ name: "a/../../escaped", content: "x" }]],
    ["an absolute name", [{ name: "/escaped", content: "x" }]],
    ["a link with ..", [{ name: "link", type: "symlink", linkname: "../escaped" }]],
    ["a hard link with ..", [{ name: "link", type: "link", linkname: "../escaped" }]],
    ["a hard link to nothing", [{ name: "link", type: "link", linkname: "nothing" }]],
    ["a whiteout of ..", [{ name: "a/.wh...", content: "" }]],
    ["a device", [{ name: "null", type: "character-device", devmajor: 1, devminor: 3 }]],
    [
      "a link that looks inside and is not",
      [
        { name: "here", type: "symlink", linkname: "." },
        { name: "up", type: "symlink", linkname: "here/.." },
        { name: "up/escaped", content: "x" },
      ],
    ],
  ])("%s", async (_, entries) => {
    await expect(pull([entries])).rejects.toMatchObject({ name: "ImageError", fault: "invalid" });
    expect(await namesIn(base)).not.toContain("escaped");
  });
});

describe("what cannot be pulled says why", () => {
  test("an unknown reference is not found", async () => {
    const options = { url: registry.url, repository: "pulled", directory };
    await expect(pullImage({ ...options, reference: "unknown" })).rejects.toMatchObject({ fault: "not-found" });
  });

  test("a registry that does not answer is unreachable", async () => {
    const gone = createContainerRegistry();
    await gone.listen();
    const { url } = gone;
    await gone.close();
    await expect(pullImage({ url, repository: "pulled", reference: "v1", directory })).rejects.toMatchObject({
      fault: "unreachable",
    });
  });

  test("bytes that are not what their digest says are refused", async () => {
    const { digest, manifest } = await pushImage(registry.url, "pulled", "true", [[{ name: "a", content: "true" }]]);
    const layer = manifest.layers[0]?.digest ?? "";
    const liar = createServer(async (request, response) => {
      const path = request.url ?? "";
      const answer = await fetch(`${registry.url}${path}`);
      const bytes = Buffer.from(await answer.arrayBuffer());
      if (path.endsWith(lie)) bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
      response.setHeader("content-type", answer.headers.get("content-type") ?? "");
      response.end(bytes);
    });
    let lie = "";
    await once(liar.listen(0, "127.0.0.1"), "listening");
    const address = liar.address();
    const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
    const options = { url, repository: "pulled", reference: digest, directory };
    for (lie of [digest, manifest.config.digest, layer]) {
      await expect(pullImage(options)).rejects.toMatchObject({
        fault: "invalid",
        message: expect.stringContaining("has the digest"),
      });
    }
    lie = "none";
    expect((await pullImage(options)).digest).toBe(digest);
    liar.close();
    liar.closeAllConnections();
  });

  test("an aborted pull ends", async () => {
    const signal = AbortSignal.abort(new Error("stopped"));
    await pushImage(registry.url, "pulled", "aborted", []);
    const options = { url: registry.url, repository: "pulled", reference: "aborted", directory, signal };
    await expect(pullImage(options)).rejects.toThrow();
  });
});
