import { randomUUID } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { readText } from "./answer.ts";
import { type Blob, BlobError, type BlobStore } from "./blob-store.ts";
import type { Signer } from "./signature.ts";

export const BLOB_PREFIX = "/blobs/";

/** Enough for a list of 50,000 blocks. */
const MAX_BLOCK_LIST_BYTES = 8 * 1024 * 1024;

const KNOWN_PARAMETERS = new Set(["sv", "sr", "sp", "se", "sig", "comp", "blockid", "timeout"]);

const KNOWN_HEADERS = new Set([
  "x-ms-version",
  "x-ms-date",
  "x-ms-client-request-id",
  "x-ms-return-client-request-id",
  "x-ms-useragent",
  "x-ms-blob-type",
  "x-ms-blob-content-type",
  "x-ms-range",
]);

const CONDITIONS = ["if-none-match", "if-modified-since", "if-unmodified-since", "content-md5"];

interface Call {
  request: IncomingMessage;
  response: ServerResponse;
  url: URL;
  /** The blob's name within the store. */
  name: string;
}

/** Answers everything below `/blobs/`; every refusal has the error shape of the blob service. */
export type BlobRoutes = (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<void>;

export function createBlobRoutes({ blobs, signer }: { blobs: BlobStore; signer: Signer }): BlobRoutes {
  async function dispatch(call: Call): Promise<void> {
    const { request, url } = call;
    const operation = [request.method, url.searchParams.get("comp")].filter((part) => part !== null).join(" ");
    authorize(url, request.method === "PUT" ? "w" : "r");
    refuseUnknown(request, url);
    switch (operation) {
      case "PUT":
        return putBlob(call);
      case "PUT block":
        return putBlock(call);
      case "PUT blocklist":
        return putBlockList(call);
      case "GET":
      case "HEAD":
        return read(call);
      default:
        throw new BlobError(501, "NotImplemented", `${operation} is not implemented by this stand-in.`);
    }
  }

  function authorize(url: URL, permission: string): void {
    if (!signer.isValid(url)) throw new BlobError(403, "AuthenticationFailed", "The signature is wrong or expired.");
    if (url.searchParams.get("sp")?.includes(permission) !== true) {
      throw new BlobError(403, "AuthorizationPermissionMismatch", "The signature does not permit this.");
    }
  }

  async function putBlob({ request, response, name }: Call): Promise<void> {
    if (request.headers["x-ms-blob-type"] !== "BlockBlob") {
      throw new BlobError(400, "InvalidHeaderValue", "x-ms-blob-type is not BlockBlob.");
    }
    const type = request.headers["content-type"] ?? "application/octet-stream";
    created(response, await blobs.put(name, request, lengthOf(request), blobTypeOf(request) ?? type));
  }

  async function putBlock({ request, response, url, name }: Call): Promise<void> {
    const blockId = url.searchParams.get("blockid") ?? "";
    const bytes = Buffer.from(blockId, "base64").length;
    if (bytes === 0 || bytes > 64) {
      throw new BlobError(400, "InvalidQueryParameterValue", "The blockid is not base64 of 1 to 64 bytes.");
    }
    await blobs.putBlock(name, blockId, request, lengthOf(request));
    created(response);
  }

  async function putBlockList({ request, response, name }: Call): Promise<void> {
    lengthOf(request);
    const blockIds = parseBlockList(await readText(request, MAX_BLOCK_LIST_BYTES));
    created(response, await blobs.commit(name, blockIds, blobTypeOf(request) ?? "application/octet-stream"));
  }

  async function read({ request, response, name }: Call): Promise<void> {
    const blob = blobs.get(name);
    if (blob === undefined) throw new BlobError(404, "BlobNotFound", "The specified blob does not exist.");
    if ((request.headers["if-match"] ?? blob.etag) !== blob.etag) {
      throw new BlobError(412, "ConditionNotMet", "The blob has changed.");
    }
    // Held open, so that an overwritten blob is read to its end.
    const file = await open(blob.file);
    try {
      const { size } = await file.stat();
      const range = rangeOf(request, size);
      response.writeHead(range.isPartial ? 206 : 200, headersOf(blob, range, size));
      await pipeline(request.method === "HEAD" ? [] : bytesOf(file, range), response);
    } finally {
      await file.close();
    }
  }

  return async (request, response, url) => {
    response.setHeader("x-ms-request-id", randomUUID());
    response.setHeader("x-ms-version", "2024-11-04");
    try {
      await dispatch({ request, response, url, name: url.pathname.slice(BLOB_PREFIX.length) });
    } catch (error) {
      if (!(error instanceof BlobError) || response.headersSent) throw error;
      refuse(request, response, error);
    }
  };
}

function refuseUnknown(request: IncomingMessage, url: URL): void {
  const parameter = [...url.searchParams.keys()].find((name) => !KNOWN_PARAMETERS.has(name));
  const header = Object.keys(request.headers).find(
    (name) => CONDITIONS.includes(name) || (name.startsWith("x-ms-") && !KNOWN_HEADERS.has(name)),
  );
  const unknown = parameter ?? header;
  if (unknown !== undefined)
    throw new BlobError(501, "NotImplemented", `${unknown} is not implemented by this stand-in.`);
}

function lengthOf(request: IncomingMessage): number {
  const length = request.headers["content-length"];
  if (length === undefined) throw new BlobError(411, "MissingContentLengthHeader", "Content-Length is missing.");
  return Number(length);
}

function blobTypeOf(request: IncomingMessage): string | undefined {
  const type = request.headers["x-ms-blob-content-type"];
  return typeof type === "string" ? type : undefined;
}

/** `<BlockList><Latest>id</Latest>…</BlockList>`; block ids are base64, so nothing in them is escaped. */
function parseBlockList(xml: string | undefined): string[] {
  const list = /<BlockList>(.*)<\/BlockList>|<BlockList\s*\/>/s.exec(xml ?? "");
  if (list === null) throw new BlobError(400, "InvalidXmlDocument", "The body is not a block list.");
  return [...(list[1] ?? "").matchAll(/<(\w+)>([^<]*)<\/\w+>/g)].map(([, kind, id]) => {
    if (kind === "Latest" || kind === "Uncommitted") return (id ?? "").trim();
    throw new BlobError(501, "NotImplemented", `A list of ${kind} blocks is not implemented by this stand-in.`);
  });
}

interface ByteRange {
  isPartial: boolean;
  start: number;
  /** Inclusive; before the start when there is nothing to send. */
  end: number;
}

function rangeOf(request: IncomingMessage, size: number): ByteRange {
  const header = request.headers["x-ms-range"] ?? request.headers.range;
  if (header === undefined) return { isPartial: false, start: 0, end: size - 1 };
  const [, start = "", end = ""] = /^bytes=(\d+)-(\d*)$/.exec(String(header)) ?? [];
  if (start === "" || Number(start) >= size) {
    throw new BlobError(416, "InvalidRange", "The range is invalid for the current size of the blob.");
  }
  const last = end === "" ? size - 1 : Math.min(Number(end), size - 1);
  return { isPartial: true, start: Number(start), end: last };
}

function bytesOf(file: FileHandle, { start, end }: ByteRange): Iterable<Buffer> | Readable {
  return start > end ? [] : file.createReadStream({ start, end, autoClose: false });
}

function headersOf(blob: Blob, { isPartial, start, end }: ByteRange, size: number): Record<string, string | number> {
  const metadata = Object.entries(blob.metadata).map(([name, value]) => [`x-ms-meta-${name}`, value]);
  return {
    "content-type": blob.contentType,
    "content-length": end - start + 1,
    ...(isPartial ? { "content-range": `bytes ${start}-${end}/${size}` } : {}),
    "accept-ranges": "bytes",
    etag: blob.etag,
    "last-modified": blob.lastModified.toUTCString(),
    "x-ms-blob-type": blob.type,
    ...Object.fromEntries(metadata),
  };
}

function created(response: ServerResponse, blob?: Blob): void {
  const headers = blob === undefined ? {} : { etag: blob.etag, "last-modified": blob.lastModified.toUTCString() };
  response.writeHead(201, { ...headers, "content-length": 0 }).end();
}

function refuse(request: IncomingMessage, response: ServerResponse, { status, code, message }: BlobError): void {
  const body = `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>${escapeXml(message)}</Message></Error>`;
  // What is left of a refused body is not worth reading.
  const connection = request.complete ? {} : { connection: "close" };
  response.writeHead(status, { "content-type": "application/xml", "x-ms-error-code": code, ...connection });
  response.end(request.method === "HEAD" ? undefined : body);
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
