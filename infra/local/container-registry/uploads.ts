import { createHash, type Hash, randomUUID } from "node:crypto";
import { open, unlink } from "node:fs/promises";
import { RegistryError } from "./errors.ts";
import { answer, type Exchange, refuseLonger } from "./exchange.ts";
import { DIGEST_PATTERN } from "./image-format.ts";
import type { Store } from "./store.ts";

type Upload = {
  readonly id: string;
  readonly repository: string;
  readonly file: string;
  readonly hash: Hash;
  bytes: number;
  busy: boolean;
};

/** Blob uploads: in one request, in one PUT, in chunks, or mounted from another repository. */
export function createUploads(store: Store, limitBytes: number) {
  const uploads = new Map<string, Upload>();

  function start(repository: string): Upload {
    const upload = { id: randomUUID(), repository, file: store.newFile(), hash: createHash("sha256"), bytes: 0 };
    const started = { ...upload, busy: false };
    uploads.set(started.id, started);
    return started;
  }

  function find(repository: string, id: string): Upload {
    const upload = uploads.get(id);
    if (upload?.repository !== repository) {
      throw new RegistryError(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry");
    }
    if (upload.busy) throw new RegistryError(400, "BLOB_UPLOAD_INVALID", "another request writes to this upload");
    return upload;
  }

  async function append(upload: Upload, exchange: Exchange): Promise<void> {
    refuseLonger(limitBytes, upload.bytes + Number(exchange.request.headers["content-length"] ?? 0));
    upload.busy = true;
    const file = await open(upload.file, "a");
    try {
      for await (const chunk of exchange.request.iterator({ destroyOnReturn: false })) {
        refuseLonger(limitBytes, upload.bytes + chunk.length);
        await file.writeFile(chunk);
        upload.hash.update(chunk);
        upload.bytes += chunk.length;
      }
    } finally {
      upload.busy = false;
      await file.close();
    }
  }

  async function discard(upload: Upload): Promise<void> {
    uploads.delete(upload.id);
    await unlink(upload.file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
    });
  }

  async function finish(upload: Upload, exchange: Exchange): Promise<void> {
    const digest = exchange.query.get("digest") ?? "";
    if (!DIGEST_PATTERN.test(digest)) {
      throw new RegistryError(400, "DIGEST_INVALID", "a digest of the form sha256:<64 hex> is needed");
    }
    try {
      await append(upload, exchange);
      const found = `sha256:${upload.hash.digest("hex")}`;
      if (found !== digest) {
        throw new RegistryError(400, "DIGEST_INVALID", "provided digest did not match uploaded content", {
          detail: { digest, found },
        });
      }
    } catch (error) {
      await discard(upload);
      throw error;
    }
    uploads.delete(upload.id);
    await store.keep(upload.repository, digest, upload.file, upload.bytes);
    answerCreated(exchange, upload.repository, digest);
  }

  function answerCreated(exchange: Exchange, repository: string, digest: string): void {
    answer(exchange, 201, { location: `/v2/${repository}/blobs/${digest}`, "docker-content-digest": digest });
  }

  function answerProgress(exchange: Exchange, upload: Upload, status: number): void {
    answer(exchange, status, progressOf(upload));
  }

  function refuseGap(exchange: Exchange, upload: Upload): void {
    const given = exchange.request.headers["content-range"];
    if (given === undefined) return;
    const begin = /^(?:bytes[ =])?(\d+)-\d+$/.exec(given)?.[1];
    if (Number(begin) !== upload.bytes) {
      throw new RegistryError(416, "BLOB_UPLOAD_INVALID", `the next chunk begins at ${upload.bytes}`, {
        headers: progressOf(upload),
      });
    }
  }

  async function begin(exchange: Exchange, repository: string): Promise<void> {
    const { query } = exchange;
    const mount = query.get("mount") ?? "";
    if (store.blob(query.get("from") ?? "", mount)) {
      store.ensure(repository).blobs.add(mount);
      return answerCreated(exchange, repository, mount);
    }
    const upload = start(repository);
    return query.has("digest") ? finish(upload, exchange) : answerProgress(exchange, upload, 202);
  }

  /** Answers `/v2/<repository>/blobs/uploads/<id>`; the id is empty for a new upload. */
  return async (exchange: Exchange, repository: string, id: string): Promise<void> => {
    if (id === "" && exchange.method === "POST") return begin(exchange, repository);
    const upload = find(repository, id);
    switch (exchange.method) {
      case "GET":
        return answerProgress(exchange, upload, 204);
      case "PATCH":
        refuseGap(exchange, upload);
        await append(upload, exchange);
        return answerProgress(exchange, upload, 202);
      case "PUT":
        refuseGap(exchange, upload);
        return finish(upload, exchange);
      case "DELETE":
        await discard(upload);
        return answer(exchange, 204);
      default:
        throw new RegistryError(405, "UNSUPPORTED", "the operation is unsupported");
    }
  };
}

function progressOf(upload: Upload): Record<string, string> {
  return {
    location: `/v2/${upload.repository}/blobs/uploads/${upload.id}`,
    range: `0-${Math.max(0, upload.bytes - 1)}`,
    "docker-upload-uuid": upload.id,
  };
}
