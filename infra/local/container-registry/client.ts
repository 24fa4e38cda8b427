import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Descriptor, digestOf, MANIFEST_ACCEPT, MANIFEST_LIMIT_BYTES } from "./image-format.ts";

const SILENCE_MS = 60_000;

/** Why a registry did not give or take something: `invalid` is what it gave but must not be used. */
export type ImageFault = "not-found" | "refused" | "unreachable" | "invalid";

/** A registry or an image that cannot be used; `fault` tells which. */
export class ImageError extends Error {
  readonly fault: ImageFault;

  constructor(fault: ImageFault, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ImageError";
    this.fault = fault;
  }
}

export type RegistryAddress = {
  /** `http(s)://<host>[:<port>]` */
  url: string;
  /** PEM of the authority that signed the registry's certificate, where the system does not know it. */
  ca?: string | undefined;
  signal?: AbortSignal | undefined;
};

type Sent = { headers?: Record<string, string | number>; body?: Buffer | Readable };

/** A registry over HTTP, without credentials and without following redirects; close it after use. */
export function createRegistryClient({ url, ca, signal }: RegistryAddress) {
  const base = new URL(url);
  const secure = base.protocol === "https:";
  const agent = secure ? new HttpsAgent({ keepAlive: true, ca }) : new HttpAgent({ keepAlive: true });
  const open = secure ? requestHttps : requestHttp;

  /** The answer to one request, whatever its status. */
  function send(method: string, path: string, { headers = {}, body }: Sent = {}): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const fail = (cause: Error) =>
        reject(signal?.aborted ? cause : new ImageError("unreachable", `${base.host}: ${cause.message}`, { cause }));
      const request = open(new URL(path, base), { method, headers, agent, ...(signal && { signal }) }, resolve);
      request.on("error", fail);
      request.setTimeout(SILENCE_MS, () => request.destroy(new Error(`silent for ${SILENCE_MS / 1000} s`)));
      if (body instanceof Readable) pipeline(body, request).catch(fail);
      else request.end(body);
    });
  }

  /** The answer with one of these statuses; throws an ImageError for any other. */
  async function ask(method: string, path: string, statuses: readonly number[], sent?: Sent): Promise<IncomingMessage> {
    const response = await send(method, path, sent);
    const { statusCode = 0 } = response;
    if (statuses.includes(statusCode)) return response;
    const text = (await readAll(response, MANIFEST_LIMIT_BYTES)).toString("utf8").slice(0, 500);
    throw new ImageError(
      statusCode === 404 ? "not-found" : "refused",
      `${base.host}: ${method} ${path.split("?")[0]} was answered ${statusCode} ${text}`.trim(),
    );
  }

  return {
    host: base.host,

    /** The manifest's bytes, checked against the digest if `reference` is one. */
    async readManifest(repository: string, reference: string) {
      const path = `/v2/${repository}/manifests/${reference}`;
      const response = await ask("GET", path, [200], { headers: { accept: MANIFEST_ACCEPT } });
      const bytes = await readAll(response, MANIFEST_LIMIT_BYTES);
      const digest = digestOf(bytes);
      if (reference.includes(":") && reference !== digest) throw mismatch(reference, digest);
      return { digest, bytes, mediaType: response.headers["content-type"]?.split(";")[0] ?? "" };
    },

    /** A small blob's bytes, checked against its digest. */
    async readBlob(repository: string, { digest }: Descriptor): Promise<Buffer> {
      const response = await ask("GET", `/v2/${repository}/blobs/${digest}`, [200]);
      const bytes = await readAll(response, MANIFEST_LIMIT_BYTES);
      if (digestOf(bytes) !== digest) throw mismatch(digest, digestOf(bytes));
      return bytes;
    },

    /** Writes a blob to a new file, checked against its size and digest. */
    async downloadBlob(repository: string, { digest, size }: Descriptor, file: string): Promise<void> {
      const response = await ask("GET", `/v2/${repository}/blobs/${digest}`, [200]);
      const hash = createHash("sha256");
      let bytes = 0;
      async function* checked(chunks: AsyncIterable<Buffer>) {
        for await (const chunk of chunks) {
          bytes += chunk.length;
          if (bytes > size) throw new ImageError("invalid", `blob ${digest} is longer than its ${size} bytes`);
          hash.update(chunk);
          yield chunk;
        }
      }
      await pipeline(response, checked, createWriteStream(file, { flags: "wx" }), { signal });
      const found = `sha256:${hash.digest("hex")}`;
      if (found !== digest) throw mismatch(digest, found);
    },

    async hasBlob(repository: string, digest: string): Promise<boolean> {
      const response = await ask("HEAD", `/v2/${repository}/blobs/${digest}`, [200, 404]);
      response.resume();
      return response.statusCode === 200;
    },

    /** Streams a file, or sends these bytes, as a blob. */
    async uploadBlob(repository: string, { digest, size }: Descriptor, content: string | Buffer): Promise<void> {
      const started = await ask("POST", `/v2/${repository}/blobs/uploads/`, [202]);
      started.resume();
      const location = new URL(started.headers.location ?? "", base);
      location.searchParams.set("digest", digest);
      const body = typeof content === "string" ? createReadStream(content) : content;
      const headers = { "content-type": "application/octet-stream", "content-length": size };
      const done = await ask("PUT", `${location.pathname}${location.search}`, [201], { headers, body });
      done.resume();
    },

    /** Makes a blob of another repository readable in this one, without sending it. */
    async mountBlob(repository: string, digest: string, from: string): Promise<void> {
      const query = new URLSearchParams({ mount: digest, from });
      (await ask("POST", `/v2/${repository}/blobs/uploads/?${query}`, [201])).resume();
    },

    async writeManifest(repository: string, reference: string, mediaType: string, body: Buffer): Promise<void> {
      const headers = { "content-type": mediaType, "content-length": body.length };
      (await ask("PUT", `/v2/${repository}/manifests/${reference}`, [201], { headers, body })).resume();
    },

    close(): void {
      agent.destroy();
    },
  };
}

export type RegistryClient = ReturnType<typeof createRegistryClient>;

function mismatch(wanted: string, found: string): ImageError {
  return new ImageError("invalid", `the content of ${wanted} has the digest ${found}`);
}

async function readAll(response: IncomingMessage, limitBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    bytes += chunk.length;
    if (bytes > limitBytes) throw new ImageError("invalid", `the answer is longer than ${limitBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
