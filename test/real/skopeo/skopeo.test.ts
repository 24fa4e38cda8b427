import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createContainerRegistry } from "../../../infra/local/container-registry/container-registry.ts";
import { digestOf, MEDIA_TYPES } from "../../../infra/local/container-registry/image-format.ts";
import { pullImage } from "../../../infra/local/container-registry/pull.ts";
import { createImageBuilder } from "../../../infra/local/image-builder/image-builder.ts";
import { putManifest, tarOf } from "../../local/container-registry/push-image.ts";

const run = promisify(execFile);

async function skopeo(...args: string[]): Promise<string> {
  return (await run("skopeo", args, { timeout: 60_000 })).stdout;
}

await skopeo("--version").catch(() => {
  throw new Error("test:skopeo needs skopeo: apt-get install -y skopeo");
});

const registry = createContainerRegistry();
let base = "";
let digest = "";
const at = (reference: string) => `docker://${registry.loginServer}/${reference}`;

beforeAll(async () => {
  await registry.listen();
  base = await mkdtemp(join(tmpdir(), "skopeo-test-"));
  const contextTarGz = join(base, "context.tar.gz");
  const dockerfile = [
    "FROM scratch",
    "ENV MODEL=fraud",
    "LABEL org.belay.model=fraud",
    "WORKDIR /app",
    "COPY model.bin run.sh ./",
    "COPY model.bin /copy",
    'CMD ["./run.sh"]',
  ].join("\n");
  const entries = [
    { name: "Dockerfile", content: dockerfile },
    { name: "model.bin", content: "weights" },
    { name: "run.sh", content: "#!/bin/sh", mode: 0o755 },
  ];
  await writeFile(contextTarGz, gzipSync(await tarOf(entries)));
  const built = await createImageBuilder().build({
    contextTarGz,
    dockerfile: "Dockerfile",
    buildArguments: {},
    platform: "linux/amd64",
    registry: { url: registry.url },
    tags: ["models/fraud:v1", "models/fraud:latest"],
    log: () => {},
  });
  digest = built.digest;
});

afterAll(async () => {
  await registry.close();
  await rm(base, { recursive: true, force: true });
});

test("skopeo reads a built image: digest, tags, labels, environment, layers", async () => {
  const seen = JSON.parse(await skopeo("inspect", "--tls-verify=false", at("models/fraud:v1")));
  expect(seen).toMatchObject({
    Digest: digest,
    RepoTags: ["latest", "v1"],
    Labels: { "org.belay.model": "fraud" },
    Architecture: "amd64",
    Os: "linux",
  });
  expect(seen.Env).toContain("MODEL=fraud");
  expect(seen.Layers).toHaveLength(2);
  const config = JSON.parse(await skopeo("inspect", "--config", "--tls-verify=false", at(`models/fraud@${digest}`)));
  expect(config.config).toMatchObject({ Cmd: ["./run.sh"], WorkingDir: "/app" });
  expect(config.rootfs.diff_ids).toHaveLength(2);
});

test("skopeo lists the tags", async () => {
  const listed = JSON.parse(await skopeo("list-tags", "--tls-verify=false", at("models/fraud")));
  expect(listed.Tags).toEqual(["latest", "v1"]);
});

test("skopeo copies an image out, and its raw manifest has the digest", async () => {
  const directory = join(base, "out");
  await skopeo("copy", "--src-tls-verify=false", at("models/fraud:v1"), `dir:${directory}`);
  expect(digestOf(await readFile(join(directory, "manifest.json")))).toBe(digest);
  const blobs = (await readdir(directory)).filter((name) => /^[0-9a-f]{64}$/.test(name));
  for (const name of blobs) expect(digestOf(await readFile(join(directory, name)))).toBe(`sha256:${name}`);
  expect(blobs).toHaveLength(3);
});

test("skopeo copies an image in again under the same digest, and it can be pulled", async () => {
  const layout = `oci:${join(base, "layout")}:v1`;
  await skopeo("copy", "--src-tls-verify=false", at(`models/fraud@${digest}`), layout);
  await skopeo("copy", "--preserve-digests", "--dest-tls-verify=false", layout, at("copied/fraud:v1"));
  const directory = join(base, "pulled");
  const image = await pullImage({ url: registry.url, repository: "copied/fraud", reference: "v1", directory });
  expect(image.digest).toBe(digest);
  expect(await readFile(join(directory, "app/model.bin"), "utf8")).toBe("weights");
});

test("skopeo turns an image into Docker's format and pushes it", async () => {
  const converted = at("docker/fraud:v1");
  await skopeo(
    ...["copy", "--format", "v2s2", "--src-tls-verify=false", "--dest-tls-verify=false"],
    ...[at("models/fraud:v1"), converted],
  );
  const raw = await skopeo("inspect", "--raw", "--tls-verify=false", converted);
  expect(JSON.parse(raw).mediaType).toBe(MEDIA_TYPES.dockerManifest);
  const directory = join(base, "docker");
  const image = await pullImage({ url: registry.url, repository: "docker/fraud", reference: "v1", directory });
  expect(image).toMatchObject({ digest: digestOf(Buffer.from(raw)), config: { Cmd: ["./run.sh"] } });
});

test("skopeo copies an index with every image of it", async () => {
  const manifest = await (await fetch(`${registry.url}/v2/models/fraud/manifests/${digest}`)).text();
  const platform = { os: "linux", architecture: "amd64" };
  const index = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.index,
    manifests: [{ mediaType: MEDIA_TYPES.manifest, digest, size: manifest.length, platform }],
  };
  expect((await putManifest(registry.url, "models/fraud", "all", index)).status).toBe(201);
  await skopeo(
    ...["copy", "--all", "--preserve-digests", "--src-tls-verify=false", "--dest-tls-verify=false"],
    ...[at("models/fraud:all"), at("copied/all:v1")],
  );
  const copied = registry.repositories().find(({ name }) => name === "copied/all");
  expect(copied?.tags).toEqual({ v1: digestOf(Buffer.from(JSON.stringify(index))) });
  expect(copied?.manifests.map((entry) => entry.digest)).toContain(digest);
  await fetch(`${registry.url}/v2/models/fraud/manifests/all`, { method: "DELETE" });
});

describe("deleting", () => {
  async function tokenOf(path: string, fields: Record<string, string>): Promise<Record<string, string>> {
    const body = new URLSearchParams({ service: registry.loginServer, ...fields });
    return JSON.parse(await (await fetch(`${registry.url}${path}`, { method: "POST", body })).text());
  }

  async function lock(repository: string, enabled: boolean): Promise<void> {
    const exchanged = await tokenOf("/oauth2/exchange", { grant_type: "access_token", access_token: "any" });
    const issued = await tokenOf("/oauth2/token", {
      grant_type: "refresh_token",
      refresh_token: exchanged["refresh_token"] ?? "",
      scope: `repository:${repository}:metadata_write`,
    });
    const path = `/acr/v1/${encodeURIComponent(repository)}/_manifests/${encodeURIComponent(digest)}`;
    const answer = await fetch(`${registry.url}${path}`, {
      method: "PATCH",
      headers: { authorization: `Bearer ${issued["access_token"]}`, "content-type": "application/json" },
      body: JSON.stringify({ deleteEnabled: enabled, writeEnabled: enabled }),
    });
    expect(answer.status).toBe(200);
  }

  test("a locked manifest cannot be deleted, an unlocked one can", async () => {
    const target = at("deleted/fraud:v1");
    await skopeo(
      ...["copy", "--preserve-digests", "--src-tls-verify=false", "--dest-tls-verify=false"],
      ...[at("models/fraud:v1"), target],
    );
    await lock("deleted/fraud", false);
    await expect(skopeo("delete", "--tls-verify=false", target)).rejects.toThrow(/disallowed|405/i);
    expect((await fetch(`${registry.url}/v2/deleted/fraud/manifests/${digest}`)).status).toBe(200);
    await lock("deleted/fraud", true);
    await skopeo("delete", "--tls-verify=false", target);
    expect((await fetch(`${registry.url}/v2/deleted/fraud/manifests/${digest}`)).status).toBe(404);
  });
});
