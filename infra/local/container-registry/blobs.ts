import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { notImplemented, RegistryError } from "./errors.ts";
import { answer, type Exchange, type Headers } from "./exchange.ts";
import { DIGEST_PATTERN } from "./image-format.ts";
import type { Store } from "./store.ts";

/** The bytes a Range header asks for; undefined for none, and for what may be ignored (RFC 9110, 14.2). */
function rangeOf(header: string | undefined, bytes: number): { start: number; end: number } | "none" | undefined {
  const [, first = "", last = ""] = /^bytes=(\d*)-(\d*)$/.exec(header ?? "") ?? [];
  if (first === "" && last === "") return undefined;
  const start = first === "" ? Math.max(0, bytes - Number(last)) : Number(first);
  const end = first === "" || last === "" ? bytes - 1 : Math.min(Number(last), bytes - 1);
  return start > end ? "none" : { start, end };
}

/** Answers `/v2/<repository>/blobs/<digest>`. */
export async function answerBlob(store: Store, exchange: Exchange, repository: string, digest: string): Promise<void> {
  if (exchange.method !== "GET" && exchange.method !== "HEAD") throw notImplemented(`${exchange.method} of a blob`);
  if (!DIGEST_PATTERN.test(digest)) throw new RegistryError(400, "DIGEST_INVALID", "invalid digest");
  const blob = store.blob(repository, digest);
  if (!blob) throw new RegistryError(404, "BLOB_UNKNOWN", "blob unknown to registry", { detail: { digest } });

  const headers = {
    "content-type": "application/octet-stream",
    "docker-content-digest": digest,
    "accept-ranges": "bytes",
    etag: `"${digest}"`,
  };
  if (exchange.method === "HEAD") return answer(exchange, 200, { ...headers, "content-length": blob.bytes });
  await send(exchange, blob, headers);
}

async function send(exchange: Exchange, blob: { file: string; bytes: number }, headers: Headers): Promise<void> {
  const range = rangeOf(exchange.request.headers.range, blob.bytes);
  if (range === "none") {
    throw new RegistryError(416, "RANGE_INVALID", "invalid content range", {
      headers: { "content-range": `bytes */${blob.bytes}` },
    });
  }
  const { start, end } = range ?? { start: 0, end: blob.bytes - 1 };
  const { response } = exchange;
  const part = range ? { "content-range": `bytes ${start}-${end}/${blob.bytes}` } : {};
  response.writeHead(range ? 206 : 200, { ...headers, ...part, "content-length": end - start + 1 });
  if (end < start) response.end();
  else await pipeline(createReadStream(blob.file, { start, end }), response);
}
