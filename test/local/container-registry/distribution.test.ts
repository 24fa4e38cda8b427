import { mkdtemp, readdir, rm } from "node:fs/promises";
import { get, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { createContainerRegistry } from "../../../infra/local/container-registry/container-registry.ts";
import { digestOf, MEDIA_TYPES } from "../../../infra/local/container-registry/image-format.ts";
import { pushBlob, pushImage, putManifest } from "./push-image.ts";

const registry = createContainerRegistry({ limits: { blobBytes: 1_000_000, manifestBytes: 10_000 } });
const hello = Buffer.from("hello, registry");
const helloDigest = digestOf(hello);
const absent = `sha256:${"0".repeat(64)}`;

beforeAll(() => registry.listen());
afterAll(() => registry.close());

function ask(path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`${registry.url}${path}`, init);
}

async function codeOf(answer: Response): Promise<string> {
  const body: { errors: { code: string }[] } = JSON.parse(await answer.text());
  return body.errors[0]?.code ?? "";
}

test("the base says which API it speaks", async () => {
  const answer = await ask("/v2/");
  expect(answer.status).toBe(200);
  expect(answer.headers.get("docker-distribution-api-version")).toBe("registry/2.0");
});

describe("blobs", () => {
  test("one POST with a digest uploads a blob", async () => {
    const answer = await ask(`/v2/blobs/one/blobs/uploads/?digest=${helloDigest}`, { method: "POST", body: hello });
    expect([answer.status, answer.headers.get("location")]).toEqual([201, `/v2/blobs/one/blobs/${helloDigest}`]);
    const got = await ask(`/v2/blobs/one/blobs/${helloDigest}`);
    expect(await got.text()).toBe("hello, registry");
    expect(got.headers.get("docker-content-digest")).toBe(helloDigest);
  });

  test("chunks are appended in order, and their state can be asked for", async () => {
    const started = await ask("/v2/blobs/chunked/blobs/uploads/", { method: "POST" });
    const location = started.headers.get("location") ?? "";
    const chunk = (text: string, range: string) =>
      ask(location, { method: "PATCH", body: text, headers: { "content-range": range } });
    expect((await chunk("hello,", "0-5")).headers.get("range")).toBe("0-5");

    const gap = await chunk("registry", "7-14");
    expect([gap.status, gap.headers.get("range")]).toEqual([416, "0-5"]);
    const state = await ask(location);
    expect([state.status, state.headers.get("range")]).toEqual([204, "0-5"]);

    expect((await ask(location, { method: "POST" })).status).toBe(405);
    expect((await chunk(" registry", "6-14")).status).toBe(202);
    expect((await ask(`${location}?digest=${helloDigest}`, { method: "PUT" })).status).toBe(201);
    expect((await ask(`/v2/blobs/chunked/blobs/${helloDigest}`, { method: "HEAD" })).status).toBe(200);
    expect(await codeOf(await ask(location))).toBe("BLOB_UPLOAD_UNKNOWN");
  });

  test("a PUT may carry the whole content", async () => {
    const started = await ask("/v2/blobs/put/blobs/uploads/", { method: "POST" });
    const location = started.headers.get("location");
    const done = await ask(`${location}?digest=${helloDigest}`, { method: "PUT", body: hello });
    expect(done.status).toBe(201);
  });

  test("an upload that is given up is gone", async () => {
    const location = (await ask("/v2/blobs/gone/blobs/uploads/", { method: "POST" })).headers.get("location") ?? "";
    expect((await ask(location, { method: "DELETE" })).status).toBe(204);
    expect((await ask(location, { method: "PATCH", body: "x" })).status).toBe(404);
  });

  test("content that is not what the digest says is refused and not kept", async () => {
    const answer = await ask(`/v2/blobs/wrong/blobs/uploads/?digest=${absent}`, { method: "POST", body: hello });
    expect([answer.status, await codeOf(answer)]).toEqual([400, "DIGEST_INVALID"]);
    expect((await ask(`/v2/blobs/wrong/blobs/${absent}`)).status).toBe(404);
  });

  test("a blob longer than the limit is refused", async () => {
    const long = Buffer.alloc(1_000_001);
    const answer = await ask(`/v2/blobs/long/blobs/uploads/?digest=${digestOf(long)}`, { method: "POST", body: long });
    expect([answer.status, await codeOf(answer)]).toEqual([413, "SIZE_INVALID"]);
  });

  test.each([
    ["bytes=0-4", 206, "hello", "bytes 0-4/15"],
    ["bytes=7-", 206, "registry", "bytes 7-14/15"],
    ["bytes=-3", 206, "try", "bytes 12-14/15"],
    ["bytes=10-99", 206, "istry", "bytes 10-14/15"],
    ["lines=1-2", 200, "hello, registry", null],
  ])("the range %s is answered %i", async (range, status, text, contentRange) => {
    await pushBlob(registry.url, "blobs/range", "text/plain", hello);
    const answer = await ask(`/v2/blobs/range/blobs/${helloDigest}`, { headers: { range } });
    expect([answer.status, await answer.text(), answer.headers.get("content-range")]).toEqual([
      status,
      text,
      contentRange,
    ]);
  });

  test("a range behind the end cannot be satisfied", async () => {
    await pushBlob(registry.url, "blobs/range", "text/plain", hello);
    const answer = await ask(`/v2/blobs/range/blobs/${helloDigest}`, { headers: { range: "bytes=15-" } });
    expect([answer.status, answer.headers.get("content-range")]).toEqual([416, "bytes */15"]);
  });

  test("an empty blob can be stored and read", async () => {
    const { digest } = await pushBlob(registry.url, "blobs/empty", "text/plain", Buffer.alloc(0));
    const answer = await ask(`/v2/blobs/empty/blobs/${digest}`);
    expect([answer.status, await answer.text()]).toEqual([200, ""]);
  });

  test("a blob of another repository must be mounted to be seen", async () => {
    await pushBlob(registry.url, "blobs/source", "text/plain", hello);
    const path = `/v2/blobs/mounted/blobs/${helloDigest}`;
    expect((await ask(path)).status).toBe(404);
    const uploads = "/v2/blobs/mounted/blobs/uploads/";
    const mounted = await ask(`${uploads}?mount=${helloDigest}&from=blobs/source`, { method: "POST" });
    expect(mounted.status).toBe(201);
    expect((await ask(path)).status).toBe(200);
    const unknown = await ask(`${uploads}?mount=${absent}&from=blobs/source`, { method: "POST" });
    expect(unknown.status).toBe(202);
  });
});

describe("manifests", () => {
  test("a manifest is the same bytes by tag and by digest", async () => {
    const { digest, manifest } = await pushImage(registry.url, "models/fraud", "v1", [[{ name: "a", content: "a" }]]);
    for (const reference of ["v1", digest]) {
      const answer = await ask(`/v2/models/fraud/manifests/${reference}`);
      expect(answer.headers.get("docker-content-digest")).toBe(digest);
      expect(answer.headers.get("content-type")).toBe(MEDIA_TYPES.manifest);
      expect(await answer.text()).toBe(JSON.stringify(manifest));
      const head = await ask(`/v2/models/fraud/manifests/${reference}`, { method: "HEAD" });
      expect(head.headers.get("content-length")).toBe(String(JSON.stringify(manifest).length));
    }
  });

  test("a tag moves to what is pushed last, and the former manifest stays", async () => {
    const first = await pushImage(registry.url, "models/moved", "latest", [[{ name: "a", content: "1" }]]);
    const second = await pushImage(registry.url, "models/moved", "latest", [[{ name: "a", content: "2" }]]);
    const latest = await ask("/v2/models/moved/manifests/latest", { method: "HEAD" });
    expect(latest.headers.get("docker-content-digest")).toBe(second.digest);
    expect((await ask(`/v2/models/moved/manifests/${first.digest}`)).status).toBe(200);
  });

  test("an index is stored when everything it names is there", async () => {
    const { digest, manifest } = await pushImage(registry.url, "models/many", "amd64", []);
    const size = JSON.stringify(manifest).length;
    const index = (of: string) => ({
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.index,
      manifests: [{ mediaType: MEDIA_TYPES.manifest, digest: of, size }],
    });
    expect((await putManifest(registry.url, "models/many", "all", index(digest))).status).toBe(201);
    expect(await codeOf(await putManifest(registry.url, "models/many", "none", index(absent)))).toBe(
      "MANIFEST_BLOB_UNKNOWN",
    );
  });

  test("a Docker manifest is stored under its own type", async () => {
    const { manifest } = await pushImage(registry.url, "models/docker", "oci", []);
    const docker = { ...manifest, mediaType: MEDIA_TYPES.dockerManifest };
    expect((await putManifest(registry.url, "models/docker", "docker", docker)).status).toBe(201);
    const unread = await ask("/v2/models/docker/manifests/docker", { headers: { accept: MEDIA_TYPES.manifest } });
    expect([unread.status, await codeOf(unread)]).toEqual([404, "MANIFEST_UNKNOWN"]);
  });

  const descriptor = { mediaType: MEDIA_TYPES.config, digest: absent, size: 2 };
  const missing = { schemaVersion: 2, mediaType: MEDIA_TYPES.manifest, config: descriptor, layers: [] };

  test.each([
    ["blobs that are not there", "v1", missing, 400, "MANIFEST_BLOB_UNKNOWN"],
    ["a digest that is not its own", absent, missing, 400, "DIGEST_INVALID"],
    ["a tag of a wrong form", "-v1", missing, 400, "TAG_INVALID"],
    ["a digest of a wrong form", "sha256:12", missing, 400, "DIGEST_INVALID"],
    ["no configuration", "v1", { schemaVersion: 2, mediaType: MEDIA_TYPES.manifest }, 400, "MANIFEST_INVALID"],
    ["a foreign media type", "v1", { mediaType: "text/plain" }, 400, "MANIFEST_INVALID"],
    ["too many bytes", "v1", { mediaType: MEDIA_TYPES.manifest, padding: "x".repeat(10_000) }, 413, "SIZE_INVALID"],
  ])("a manifest with %s is refused", async (_, reference, manifest, status, code) => {
    const answer = await putManifest(registry.url, "models/refused", reference, manifest);
    expect([answer.status, await codeOf(answer)]).toEqual([status, code]);
  });

  test("a manifest that is not JSON is refused", async () => {
    const answer = await ask("/v2/models/refused/manifests/v1", {
      method: "PUT",
      headers: { "content-type": MEDIA_TYPES.manifest },
      body: "{",
    });
    expect(await codeOf(answer)).toBe("MANIFEST_INVALID");
  });

  test("a manifest that says another type than its header is refused", async () => {
    const answer = await ask("/v2/models/refused/manifests/v1", {
      method: "PUT",
      headers: { "content-type": MEDIA_TYPES.dockerManifest },
      body: JSON.stringify(missing),
    });
    expect(await codeOf(answer)).toBe("MANIFEST_INVALID");
  });

  test("deleting a tag leaves the manifest, deleting the manifest takes its tags", async () => {
    const { digest } = await pushImage(registry.url, "models/deleted", "one", []);
    await pushImage(registry.url, "models/deleted", "two", []);
    const path = "/v2/models/deleted/manifests";
    expect((await ask(`${path}/one`, { method: "DELETE" })).status).toBe(202);
    expect((await ask(`${path}/one`)).status).toBe(404);
    expect((await ask(`${path}/two`)).status).toBe(200);
    expect((await ask(`${path}/${digest}`, { method: "DELETE" })).status).toBe(202);
    expect((await ask(`${path}/two`)).status).toBe(404);
  });

  test("referrers are those that name the subject, filtered on request, and empty otherwise", async () => {
    const { digest, manifest } = await pushImage(registry.url, "models/signed", "v1", []);
    const subject = { mediaType: MEDIA_TYPES.manifest, digest, size: JSON.stringify(manifest).length };
    const report = { ...manifest, subject, artifactType: "application/sarif+json" };
    const pushed = await putManifest(registry.url, "models/signed", "report", report);
    expect(pushed.headers.get("oci-subject")).toBe(digest);

    const list = async (query: string, of = digest) => {
      const answer = await ask(`/v2/models/signed/referrers/${of}${query}`);
      expect(answer.headers.get("content-type")).toBe(MEDIA_TYPES.index);
      const body: { manifests: { artifactType: string }[] } = JSON.parse(await answer.text());
      return [body.manifests.map(({ artifactType }) => artifactType), answer.headers.get("oci-filters-applied")];
    };
    expect(await list("")).toEqual([["application/sarif+json"], null]);
    expect(await list("?artifactType=application/sarif%2Bjson")).toEqual([["application/sarif+json"], "artifactType"]);
    expect(await list("?artifactType=other")).toEqual([[], "artifactType"]);
    expect(await list("", absent)).toEqual([[], null]);
  });
});

describe("lists", () => {
  test("tags are sorted and paged", async () => {
    for (const tag of ["c", "a", "b"]) await pushImage(registry.url, "lists/tags", tag, []);
    const first = await ask("/v2/lists/tags/tags/list?n=2");
    expect(await first.json()).toEqual({ name: "lists/tags", tags: ["a", "b"] });
    const next = /^<(.+)>; rel="next"$/.exec(first.headers.get("link") ?? "")?.[1] ?? "";
    const second = await ask(next);
    expect(await second.json()).toEqual({ name: "lists/tags", tags: ["c"] });
    expect(second.headers.get("link")).toBeNull();
    expect(await (await ask("/v2/lists/tags/tags/list")).json()).toEqual({ name: "lists/tags", tags: ["a", "b", "c"] });
    expect(await codeOf(await ask("/v2/lists/tags/tags/list?n=many"))).toBe("PAGINATION_NUMBER_INVALID");
    expect(await codeOf(await ask("/v2/lists/unknown/tags/list"))).toBe("NAME_UNKNOWN");
  });

  test("the catalog names the repositories that hold a manifest", async () => {
    await pushImage(registry.url, "lists/catalog", "v1", []);
    await pushBlob(registry.url, "lists/only-blobs", "text/plain", hello);
    const { repositories }: { repositories: string[] } = JSON.parse(await (await ask("/v2/_catalog")).text());
    expect(repositories).toContain("lists/catalog");
    expect(repositories).not.toContain("lists/only-blobs");
  });
});

describe("what it does not do", () => {
  test.each([
    ["GET", "/", 501, "UNSUPPORTED"],
    ["GET", "/v2/models/fraud/other/thing", 501, "UNSUPPORTED"],
    ["DELETE", `/v2/models/fraud/blobs/${absent}`, 501, "UNSUPPORTED"],
    ["GET", "/v2/Models/fraud/manifests/v1", 400, "NAME_INVALID"],
    ["GET", "/v2/%E0%A4%A/manifests/v1", 400, "NAME_INVALID"],
    ["POST", "/v2/_catalog", 405, "UNSUPPORTED"],
    ["GET", "/acr/v1/_catalog", 501, "UNSUPPORTED"],
    ["DELETE", "/acr/v1/models%2Ffraud/_tags/v1", 501, "UNSUPPORTED"],
  ])("%s %s is answered %i", async (method, path, status, code) => {
    const answer = await ask(path, { method });
    expect([answer.status, await codeOf(answer)]).toEqual([status, code]);
  });
});

test("a path that is no path is answered, too", async () => {
  const { port } = new URL(registry.url);
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    get({ host: "127.0.0.1", port, path: "//" }, resolve).on("error", reject);
  });
  answer.resume();
  expect(answer.statusCode).toBe(501);
});

test("what is stored and what was asked can be looked at", async () => {
  const before = registry.requests()["PUT manifests"] ?? 0;
  const { digest } = await pushImage(registry.url, "inspected", "v1", []);
  expect(registry.requests()["PUT manifests"]).toBe(before + 1);
  expect(registry.repositories()).toContainEqual({
    name: "inspected",
    tags: { v1: digest },
    manifests: [{ digest, mediaType: MEDIA_TYPES.manifest, deleteEnabled: true, writeEnabled: true }],
  });
});

test("a registry that is closed can be opened again, and is empty", async () => {
  const other = createContainerRegistry();
  expect(() => other.url).toThrow("not listening");
  await other.listen();
  await pushImage(other.url, "short/lived", "v1", []);
  await other.close();
  await other.listen();
  expect(other.repositories()).toEqual([]);
  await other.close();
});

test("a port that is taken is told, and nothing is left behind", async () => {
  const temporary = await mkdtemp(join(tmpdir(), "taken-port-"));
  vi.stubEnv("TMPDIR", temporary);
  const other = createContainerRegistry();
  await expect(other.listen(Number(new URL(registry.url).port))).rejects.toThrow("EADDRINUSE");
  expect(await readdir(temporary)).toEqual([]);
  await other.listen();
  expect(await readdir(temporary)).toHaveLength(1);
  await other.close();
  expect(await readdir(temporary)).toEqual([]);
  vi.unstubAllEnvs();
  await rm(temporary, { recursive: true });
});
