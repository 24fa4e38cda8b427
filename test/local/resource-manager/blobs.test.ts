import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { Readable } from "node:stream";
import type { ContainerRegistryManagementClient } from "@azure/arm-containerregistry";
import { BlockBlobClient } from "@azure/storage-blob";
import { describe, expect, it, vi } from "vitest";
import type { BuildRequest } from "../../../infra/local/resource-manager/build.ts";
import {
  buildOf,
  createManualClock,
  GROUP,
  REGISTRY,
  type Started,
  succeed,
  untilEnded,
  upload,
  useAzure,
} from "./stack.ts";

const azure = useAzure();
const BLOCK_BLOB = { "x-ms-blob-type": "BlockBlob" };

async function addressOf(client: ContainerRegistryManagementClient): Promise<{ url: string; relativePath: string }> {
  const { uploadUrl = "", relativePath = "" } = await client.registries.getBuildSourceUploadUrl(GROUP, REGISTRY);
  return { url: uploadUrl, relativePath };
}

/** The bytes a build gets for a source, and the directory in which they lie. */
async function built({ client }: Started, requests: BuildRequest[], relativePath: string): Promise<string> {
  await client.taskRuns.beginCreate(GROUP, REGISTRY, "reading", { runRequest: buildOf(relativePath) });
  await untilEnded(client, "reading");
  return dirname(requests.at(-1)?.contextTarGz ?? "");
}

/** Starts with a build that keeps what it was asked and what it was given. */
async function startReading(): Promise<Started & { requests: BuildRequest[]; contexts: Buffer[] }> {
  const requests: BuildRequest[] = [];
  const contexts: Buffer[] = [];
  const started = await azure.start({
    async build(request) {
      requests.push(request);
      contexts.push(await readFile(request.contextTarGz));
      return succeed(request);
    },
  });
  return { ...started, requests, contexts };
}

describe("uploading a source", () => {
  it("works in blocks, and leaves one file", async () => {
    const started = await startReading();
    const { url, relativePath } = await addressOf(started.client);
    const content = Buffer.alloc(300_000, "0123456789");
    const stream = Readable.from([content.subarray(0, 100_001), content.subarray(100_001)]);
    await new BlockBlobClient(url).uploadStream(stream, 64 * 1024, 3, {
      blobHTTPHeaders: { blobContentType: "application/gzip" },
    });
    const directory = await built(started, started.requests, relativePath);
    expect(started.contexts[0]?.equals(content)).toBe(true);
    // The source and the log.
    expect(await readdir(directory)).toHaveLength(2);
  });

  it("works for an empty stream", async () => {
    const started = await startReading();
    const { url, relativePath } = await addressOf(started.client);
    await new BlockBlobClient(url).uploadStream(Readable.from([]), 1024, 1);
    await built(started, started.requests, relativePath);
    expect(started.contexts[0]).toHaveLength(0);
  });

  it("takes the last of two blocks with one id, in the order of the list", async () => {
    const started = await startReading();
    const { url, relativePath } = await addressOf(started.client);
    const blob = new BlockBlobClient(url);
    const [one, two] = [Buffer.from("one").toString("base64"), Buffer.from("two").toString("base64")];
    await blob.stageBlock(one, "first", 5);
    await blob.stageBlock(two, "2", 1);
    await blob.stageBlock(one, "1", 1);
    await blob.commitBlockList([two, one]);
    await built(started, started.requests, relativePath);
    expect(started.contexts[0]?.toString()).toBe("21");
    await expect(blob.commitBlockList([one])).rejects.toMatchObject({ statusCode: 400, code: "InvalidBlockList" });
  });

  it("again does not change what a build already has", async () => {
    const gate = Promise.withResolvers<void>();
    const contexts: string[] = [];
    const { client } = await azure.start({
      async build(request) {
        await gate.promise;
        contexts.push(await readFile(request.contextTarGz, "utf8"));
        return succeed(request);
      },
    });
    const { url, relativePath } = await addressOf(client);
    await new BlockBlobClient(url).upload("before", 6);
    await client.taskRuns.beginCreate(GROUP, REGISTRY, "overwritten", { runRequest: buildOf(relativePath) });
    await vi.waitFor(async () => expect((await client.runs.get(GROUP, REGISTRY, "ca1")).status).toBe("Running"));
    await new BlockBlobClient(url).upload("after", 5);
    gate.resolve();
    await untilEnded(client, "overwritten");
    expect(contexts).toEqual(["before"]);
  });

  it("goes to one address for one correlation, and to its own without", async () => {
    const { manager } = await azure.start();
    const ask = async (headers: Record<string, string>) => {
      const path = `/subscriptions/a/resourceGroups/b/providers/Microsoft.ContainerRegistry/registries/${REGISTRY}`;
      const answer = await fetch(`${manager.endpoint}${path}/listBuildSourceUploadUrl?api-version=2019-06-01-preview`, {
        method: "POST",
        headers: { authorization: `Bearer ${azure.issue()}`, ...headers },
      });
      const { relativePath }: { relativePath?: string } = Object(await answer.json());
      return relativePath?.split("/").at(-1);
    };
    expect(await ask({ "x-ms-correlation-request-id": "one" })).toBe(
      await ask({ "x-ms-correlation-request-id": "one" }),
    );
    expect(await ask({})).not.toBe(await ask({}));
  });

  it("is refused beyond the limit, in one piece and in blocks", async () => {
    const { client } = await azure.start({ maxUploadBytes: 10 });
    const blob = new BlockBlobClient((await addressOf(client)).url);
    const refused = { statusCode: 413, code: "RequestBodyTooLarge" };
    await expect(blob.upload("0123456789a", 11)).rejects.toMatchObject(refused);
    const ids = ["a", "b", "c"].map((id) => Buffer.from(id).toString("base64"));
    await blob.stageBlock(ids[0] ?? "", "01234", 5);
    await blob.stageBlock(ids[1] ?? "", "56789", 5);
    await blob.stageBlock(ids[1] ?? "", "56789", 5);
    await expect(blob.stageBlock(ids[2] ?? "", "a", 1)).rejects.toMatchObject(refused);
  });

  it.each<[string, string, RequestInit & { duplex?: "half" }, number, string]>([
    [
      "without Content-Length",
      "",
      { headers: BLOCK_BLOB, body: new Blob(["a"]).stream(), duplex: "half" },
      411,
      "MissingContentLengthHeader",
    ],
    ["without a blob type", "", { body: "a" }, 400, "InvalidHeaderValue"],
    ["with a condition", "", { headers: { ...BLOCK_BLOB, "if-none-match": "*" }, body: "a" }, 501, "NotImplemented"],
    [
      "with a checksum",
      "",
      { headers: { ...BLOCK_BLOB, "x-ms-content-crc64": "AAAA" }, body: "a" },
      501,
      "NotImplemented",
    ],
    ["with a block id that is none", "&comp=block&blockid=", { body: "a" }, 400, "InvalidQueryParameterValue"],
    ["with a list that is none", "&comp=blocklist", { body: "<List/>" }, 400, "InvalidXmlDocument"],
    [
      "of committed blocks",
      "&comp=blocklist",
      { body: "<BlockList><Committed>YQ==</Committed></BlockList>" },
      501,
      "NotImplemented",
    ],
    ["of metadata", "&comp=metadata", {}, 501, "NotImplemented"],
    ["of a snapshot", "&snapshot=1", { headers: BLOCK_BLOB, body: "a" }, 501, "NotImplemented"],
    ["by POST", "", { method: "POST", body: "a" }, 403, "AuthorizationPermissionMismatch"],
  ])("%s is refused", async (_name, query, init, status, code) => {
    const { client } = await azure.start();
    const answer = await fetch(`${(await addressOf(client)).url}${query}`, { method: "PUT", ...init });
    expect(answer.status).toBe(status);
    expect(answer.headers.get("x-ms-error-code")).toBe(code);
    expect(await answer.text()).toContain(`<Code>${code}</Code>`);
  });
});

describe("a signed address", () => {
  const tamper: [string, (url: URL) => void][] = [
    ["another blob", (url) => (url.pathname += "x")],
    ["more permissions", (url) => url.searchParams.set("sp", "rcw")],
    ["a later end", (url) => url.searchParams.set("se", "2999-01-01T00:00:00Z")],
    ["another signature", (url) => url.searchParams.set("sig", "AAAA")],
    ["no signature", (url) => url.searchParams.delete("sig")],
  ];
  it.each(tamper)("is refused with %s", async (_name, change) => {
    const { client } = await azure.start();
    const url = new URL((await addressOf(client)).url);
    change(url);
    await expect(new BlockBlobClient(url.href).upload("a", 1)).rejects.toMatchObject({
      statusCode: 403,
      code: "AuthenticationFailed",
    });
  });

  it("is refused after an hour", async () => {
    const clock = createManualClock();
    const { client } = await azure.start({ clock });
    const { url } = await addressOf(client);
    clock.advance(3_600_000 - 1_000);
    await new BlockBlobClient(url).upload("a", 1);
    clock.advance(1_000);
    await expect(new BlockBlobClient(url).upload("a", 1)).rejects.toMatchObject({ statusCode: 403 });
  });

  it("for an upload does not read", async () => {
    const { client } = await azure.start();
    const { url } = await addressOf(client);
    await new BlockBlobClient(url).upload("a", 1);
    expect((await fetch(url)).status).toBe(403);
  });
});

describe("a log", () => {
  it("grows while the build goes on, is read by ranges, and says when it is complete", async () => {
    const lines = Promise.withResolvers<(line: string) => void>();
    const gate = Promise.withResolvers<void>();
    const { client } = await azure.start({
      async build(request) {
        request.log("one");
        lines.resolve(request.log);
        await gate.promise;
        return succeed(request);
      },
    });
    const runRequest = buildOf(await upload(client));
    await client.taskRuns.beginCreate(GROUP, REGISTRY, "logging", { runRequest });
    const log = await lines.promise;
    const { logLink = "" } = await client.runs.getLogSasUrl(GROUP, REGISTRY, "ca1");
    const blob = new BlockBlobClient(logLink);

    expect(await blob.getProperties()).toMatchObject({ contentLength: 4, blobType: "AppendBlob", metadata: {} });
    const beyond = { statusCode: 416, code: "InvalidRange" };
    await expect(blob.download(4)).rejects.toMatchObject(beyond);
    log("two");
    const rest = await blob.downloadToBuffer(4);
    expect(rest.toString()).toBe("two\n");
    const ranged = await fetch(logLink, { headers: { range: "bytes=1-2" } });
    expect([ranged.status, ranged.headers.get("content-range"), await ranged.text()]).toEqual([
      206,
      "bytes 1-2/8",
      "ne",
    ]);

    gate.resolve();
    await untilEnded(client, "logging");
    expect((await blob.getProperties()).metadata).toEqual({ complete: "Succeeded" });
    const changed = await fetch(logLink, { headers: { "if-match": '"0x0"' } });
    expect(changed.status).toBe(412);
    log("too late");
    expect((await blob.downloadToBuffer()).toString()).toMatch(/^one\ntwo\nRun ID: ca1 was successful after 0s\n$/);
  });
});

describe("closing", () => {
  it("ends the builds and removes every file", async () => {
    const paths: string[] = [];
    let isAborted = false;
    const { manager, client } = await azure.start({
      async build(request) {
        paths.push(request.contextTarGz);
        await new Promise((resolve) => request.signal.addEventListener("abort", resolve, { once: true }));
        isAborted = true;
        throw new Error("stopped");
      },
    });
    const runRequest = buildOf(await upload(client));
    await client.taskRuns.beginCreate(GROUP, REGISTRY, "closing", { runRequest });
    await vi.waitFor(() => expect(paths).toHaveLength(1));
    await manager.close();
    expect(isAborted).toBe(true);
    expect(existsSync(dirname(paths[0] ?? ""))).toBe(false);
    expect(manager.runs()[0]?.properties.status).toBe("Canceled");
  });
});
