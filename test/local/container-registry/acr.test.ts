import { getCACertificates, setDefaultCACertificates } from "node:tls";
import {
  ContainerRegistryClient,
  ContainerRegistryContentClient,
  KnownManifestMediaType,
} from "@azure/container-registry";
import { generate } from "selfsigned";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type ContainerRegistry,
  createContainerRegistry,
} from "../../../infra/local/container-registry/container-registry.ts";
import { MEDIA_TYPES } from "../../../infra/local/container-registry/image-format.ts";
import { pullImage } from "../../../infra/local/container-registry/pull.ts";
import { pushImage, putManifest } from "./push-image.ts";

const trustedBefore = getCACertificates("default");
const start = Date.parse("2026-01-02T03:04:05Z");
let now = start;
let registry: ContainerRegistry;
let client: ContainerRegistryClient;
let certificate = "";

const credential = (token: string) => ({
  getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 3_600_000 }),
});

beforeAll(async () => {
  const pair = await generate([{ name: "commonName", value: "localhost" }], {
    keySize: 2048,
    extensions: [
      { name: "basicConstraints", cA: true },
      { name: "subjectAltName", altNames: [{ type: 7, ip: "127.0.0.1" }] },
    ],
  });
  certificate = pair.cert;
  setDefaultCACertificates([...trustedBefore, certificate]);
  registry = createContainerRegistry({
    tls: { key: pair.private, cert: certificate },
    acceptAadToken: (token) => token === "entra-token",
    now: () => new Date(now),
  });
  await registry.listen();
  client = new ContainerRegistryClient(registry.url, credential("entra-token"), { retryOptions: { maxRetries: 0 } });
});

afterAll(async () => {
  await registry.close();
  setDefaultCACertificates(trustedBefore);
});

function ask(path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`${registry.url}${path}`, init);
}

describe("the unmodified SDK", () => {
  test("reads the properties of a manifest", async () => {
    const { digest, manifest } = await pushImage(registry.url, "models/read", "v1", [[{ name: "a", content: "a" }]]);
    const artifact = client.getArtifact("models/read", "v1");
    expect(await artifact.getManifestProperties()).toMatchObject({
      registryLoginServer: registry.loginServer,
      repositoryName: "models/read",
      digest,
      sizeInBytes: manifest.config.size + (manifest.layers[0]?.size ?? 0),
      tags: ["v1"],
      operatingSystem: "linux",
      createdOn: new Date(start),
      canDelete: true,
      canWrite: true,
      canRead: true,
      canList: true,
    });
  });

  test("locks a manifest, which then cannot be deleted, and unlocks it", async () => {
    const { digest } = await pushImage(registry.url, "models/locked", "v1", []);
    const artifact = client.getArtifact("models/locked", digest);
    const locked = await artifact.updateManifestProperties({ canDelete: false, canWrite: false });
    expect(locked).toMatchObject({ canDelete: false, canWrite: false, canRead: true });
    await expect(artifact.delete()).rejects.toMatchObject({
      statusCode: 405,
      message: expect.stringContaining("REGISTRY_DISALLOWED_OPERATION"),
    });
    expect((await artifact.getManifestProperties()).canDelete).toBe(false);

    await pushImage(registry.url, "models/locked", "v1", []);
    expect((await artifact.getManifestProperties()).canDelete).toBe(false);

    await artifact.updateManifestProperties({ canDelete: true, canWrite: true });
    await artifact.delete();
    await expect(artifact.getManifestProperties()).rejects.toMatchObject({
      statusCode: 404,
      message: expect.stringContaining("MANIFEST_UNKNOWN"),
    });
  });

  test("lists tags page by page", async () => {
    for (const tag of ["a", "b", "c"]) await pushImage(registry.url, "models/tags", tag, []);
    const pages: string[][] = [];
    const artifact = client.getArtifact("models/tags", "a");
    for await (const page of artifact.listTagProperties().byPage({ maxPageSize: 2 })) {
      pages.push(page.map(({ name }) => name));
    }
    expect(pages).toEqual([["a", "b"], ["c"]]);
  });

  test("lists the manifests and counts of a repository", async () => {
    const { digest } = await pushImage(registry.url, "models/listed", "v1", []);
    const repository = client.getRepository("models/listed");
    const found: unknown[] = [];
    for await (const manifest of repository.listManifestProperties()) found.push(manifest.digest);
    expect(found).toEqual([digest]);
    expect(await repository.getProperties()).toMatchObject({ name: "models/listed", manifestCount: 1, tagCount: 1 });
  });

  test("locks a tag, which then can neither move nor go, nor its manifest", async () => {
    const { digest, manifest } = await pushImage(registry.url, "models/tag", "v1", []);
    const artifact = client.getArtifact("models/tag", "v1");
    expect(await artifact.updateTagProperties("v1", { canWrite: false })).toMatchObject({ canWrite: false, digest });
    const moved = await putManifest(registry.url, "models/tag", "v1", manifest);
    expect([moved.status, await moved.text()]).toEqual([405, expect.stringContaining("REGISTRY_DISALLOWED_OPERATION")]);
    expect((await putManifest(registry.url, "models/tag", "v2", manifest)).status).toBe(201);
    expect((await ask("/v2/models/tag/manifests/v1", { method: "DELETE" })).status).toBe(405);
    expect((await ask(`/v2/models/tag/manifests/${digest}`, { method: "DELETE" })).status).toBe(405);

    await artifact.updateTagProperties("v1", { canWrite: true });
    expect((await artifact.getTagProperties("v1")).canWrite).toBe(true);
    expect((await ask("/v2/models/tag/manifests/v1", { method: "DELETE" })).status).toBe(202);
  });

  test("uploads and downloads an image", async () => {
    const content = new ContainerRegistryContentClient(registry.url, "models/content", credential("entra-token"));
    const config = await content.uploadBlob(Buffer.from("{}"));
    const layer = await content.uploadBlob(Buffer.from("layer"));
    const { digest } = await content.setManifest(
      {
        schemaVersion: 2,
        config: { mediaType: MEDIA_TYPES.config, digest: config.digest, size: config.sizeInBytes },
        layers: [{ mediaType: MEDIA_TYPES.layer, digest: layer.digest, size: layer.sizeInBytes }],
      },
      { tag: "v1", mediaType: KnownManifestMediaType.OciImageManifest },
    );
    expect((await content.getManifest("v1")).digest).toBe(digest);
  });

  test("forbidding to read is not implemented", async () => {
    await pushImage(registry.url, "models/unread", "v1", []);
    const artifact = client.getArtifact("models/unread", "v1");
    await expect(artifact.updateManifestProperties({ canRead: false })).rejects.toMatchObject({ statusCode: 501 });
  });

  test("gets nowhere with an Entra token that is not accepted", async () => {
    const stranger = new ContainerRegistryClient(registry.url, credential("somebody-else"));
    await expect(stranger.getArtifact("models/read", "v1").getManifestProperties()).rejects.toMatchObject({
      statusCode: 401,
    });
  });
});

describe("tokens", () => {
  const form = (fields: Record<string, string>) => ({ method: "POST", body: new URLSearchParams(fields) });

  async function tokenOf(path: string, fields: Record<string, string>): Promise<string> {
    const answer = await ask(path, form({ service: registry.loginServer, ...fields }));
    expect(answer.status).toBe(200);
    const body: Record<string, string> = JSON.parse(await answer.text());
    return body["refresh_token"] ?? body["access_token"] ?? "";
  }

  const exchange = () => tokenOf("/oauth2/exchange", { grant_type: "access_token", access_token: "entra-token" });
  const properties = (token: string) =>
    ask("/acr/v1/models%2Ftokens/_tags/v1", { headers: { authorization: `Bearer ${token}` } });

  async function accessToken(scope: string): Promise<string> {
    return tokenOf("/oauth2/token", { grant_type: "refresh_token", refresh_token: await exchange(), scope });
  }

  beforeAll(() => pushImage(registry.url, "models/tokens", "v1", []));

  test("without a token the challenge says where to get one and for what", async () => {
    const answer = await ask("/acr/v1/models%2Ftokens/_manifests/sha256%3A00");
    expect(answer.status).toBe(401);
    expect(answer.headers.get("www-authenticate")).toBe(
      `Bearer realm="${registry.url}/oauth2/token",service="${registry.loginServer}",scope="repository:models/tokens:metadata_read",error="invalid_token"`,
    );
  });

  test.each([
    ["its scope", "repository:models/tokens:metadata_read", 200],
    ["one of its scopes", "repository:other:pull repository:models/tokens:pull,metadata_read", 200],
    ["another repository", "repository:models:metadata_read", 401],
    ["another action", "repository:models/tokens:metadata_write", 401],
  ])("a token for %s (%s) is answered %i", async (_, scope, status) => {
    expect((await properties(await accessToken(scope))).status).toBe(status);
  });

  test.each([
    ["GET", "_tags/unknown", undefined, 404, "TAG_UNKNOWN"],
    ["GET", "_tags?orderby=timedesc", undefined, 501, "UNSUPPORTED"],
    ["PATCH", "_tags/v1", "{", 400, "INVALID_PARAMETER"],
    ["PATCH", "_tags/v1", '{"deleteEnabled":"no"}', 400, "INVALID_PARAMETER"],
    ["PATCH", "_tags/v1", '{"other":true}', 400, "INVALID_PARAMETER"],
  ])("%s %s with %s is answered %i", async (method, path, body, status, code) => {
    const token = await accessToken("repository:models/tokens:metadata_read,metadata_write");
    const headers = { authorization: `Bearer ${token}` };
    const answer = await ask(`/acr/v1/models%2Ftokens/${path}`, { method, headers, ...(body && { body }) });
    expect([answer.status, await answer.text()]).toEqual([status, expect.stringContaining(code)]);
  });

  test("a token is valid for its time only", async () => {
    const token = await accessToken("repository:models/tokens:metadata_read");
    const refresh = await exchange();
    now = start + 76 * 60_000;
    expect((await properties(token)).status).toBe(401);
    now = start + 181 * 60_000;
    const fields = { service: registry.loginServer, grant_type: "refresh_token", refresh_token: refresh, scope: "x" };
    expect((await ask("/oauth2/token", form(fields))).status).toBe(401);
    now = start;
  });

  test("a token that was changed, or is of the other kind, is refused", async () => {
    const [header, , signature] = (await accessToken("repository:other:pull")).split(".");
    const claims = Buffer.from(
      JSON.stringify({
        aud: registry.loginServer,
        exp: 9_999_999_999,
        grant: "access_token",
        scopes: ["repository:models/tokens:metadata_read"],
      }),
    ).toString("base64url");
    expect((await properties(`${header}.${claims}.${signature}`)).status).toBe(401);
    expect((await properties(await exchange())).status).toBe(401);
    expect((await properties("nonsense")).status).toBe(401);
  });

  test.each([
    ["/oauth2/token", { grant_type: "password", scope: "x" }, 501],
    ["/oauth2/exchange", { grant_type: "access_token_refresh_token" }, 501],
    ["/oauth2/exchange", { grant_type: "access_token", access_token: "wrong" }, 401],
    ["/oauth2/exchange", { grant_type: "access_token", access_token: "entra-token", service: "other" }, 401],
  ])("%s with %o is answered %i", async (path, fields, status) => {
    expect((await ask(path, form({ service: registry.loginServer, ...fields }))).status).toBe(status);
  });
});

test("an image is pulled over https when the authority is given", async () => {
  setDefaultCACertificates(trustedBefore);
  const options = { url: registry.url, repository: "models/read", reference: "v1", directory: "/nonexistent/never" };
  await expect(pullImage(options)).rejects.toMatchObject({ fault: "unreachable" });
  await expect(pullImage({ ...options, reference: "unknown", ca: certificate })).rejects.toMatchObject({
    fault: "not-found",
  });
  setDefaultCACertificates([...trustedBefore, certificate]);
});
