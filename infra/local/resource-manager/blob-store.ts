import { appendFileSync, createReadStream, createWriteStream, writeFileSync } from "node:fs";
import { link, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

const MAX_BLOCKS = 50_000;

/** One blob and the file that holds it. */
export interface Blob {
  file: string;
  type: "BlockBlob" | "AppendBlob";
  contentType: string;
  etag: string;
  lastModified: Date;
  /** Names in lower case, without the `x-ms-meta-` before them. */
  metadata: Record<string, string>;
}

/** A blob that grows by lines until it is complete. */
export interface LogBlob {
  /** Appends a line; after the end it is dropped. */
  write(line: string): void;
  /** Says in the blob's metadata that nothing will follow. */
  end(result: string): void;
}

/** A refusal in the error shape of the blob service. */
export class BlobError extends Error {
  override readonly name = "BlobError";
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Blobs in files of one directory, which its owner makes and removes. */
export interface BlobStore {
  get(name: string): Blob | undefined;
  /** Stores a whole block blob. */
  put(name: string, body: Readable, size: number, contentType: string): Promise<Blob>;
  /** Keeps a block until its list is committed; throws `BlobError` 413 beyond the limit of bytes or blocks. */
  putBlock(name: string, blockId: string, body: Readable, size: number): Promise<void>;
  /** Joins uncommitted blocks to a blob and forgets all others; throws `BlobError` 400 for an unknown one. */
  commit(name: string, blockIds: readonly string[], contentType: string): Promise<Blob>;
  openLog(name: string): LogBlob;
  /** A file with the blob's present bytes that nobody else changes or removes; undefined when there is no such blob. */
  borrow(name: string): Promise<string | undefined>;
}

interface Block {
  file: string;
  size: number;
}

interface Dependencies {
  directory: string;
  /** Of one blob, committed or not. */
  maxBytes: number;
  now: () => Date;
}

export function createBlobStore({ directory, maxBytes, now }: Dependencies): BlobStore {
  const blobs = new Map<string, Blob>();
  const uncommitted = new Map<string, Map<string, Block>>();
  let files = 0;
  let changes = 0;

  const newFile = (): string => {
    files += 1;
    return join(directory, `${files}.blob`);
  };

  const newEtag = (): string => {
    changes += 1;
    return `"0x${changes.toString(16).toUpperCase().padStart(15, "0")}"`;
  };

  function checkSize(size: number): void {
    if (size > maxBytes) throw new BlobError(413, "RequestBodyTooLarge", `A blob has at most ${maxBytes} bytes here.`);
  }

  function checkRoom(blocks: ReadonlyMap<string, Block>, blockId: string, size: number): void {
    const others = [...blocks].filter(([id]) => id !== blockId).map(([, block]) => block.size);
    checkSize(others.reduce((sum, other) => sum + other, size));
    if (others.length >= MAX_BLOCKS) {
      throw new BlobError(409, "BlockCountExceedsLimit", `A blob has at most ${MAX_BLOCKS} uncommitted blocks.`);
    }
  }

  async function receive(body: Readable, file: string): Promise<void> {
    try {
      await pipeline(body, createWriteStream(file));
    } catch (error) {
      await rm(file, { force: true });
      throw error;
    }
  }

  async function replace(name: string, file: string, contentType: string): Promise<Blob> {
    const former = blobs.get(name);
    const blob: Blob = { file, type: "BlockBlob", contentType, etag: newEtag(), lastModified: now(), metadata: {} };
    blobs.set(name, blob);
    if (former !== undefined) await rm(former.file, { force: true });
    return blob;
  }

  return {
    get: (name) => blobs.get(name),
    async put(name, body, size, contentType) {
      checkSize(size);
      const file = newFile();
      await receive(body, file);
      return replace(name, file, contentType);
    },
    async putBlock(name, blockId, body, size) {
      const blocks = uncommitted.get(name) ?? new Map<string, Block>();
      uncommitted.set(name, blocks);
      checkRoom(blocks, blockId, size);
      const former = blocks.get(blockId);
      const block = { file: newFile(), size };
      // Known before it is here, so that blocks sent side by side are counted together.
      blocks.set(blockId, block);
      try {
        await receive(body, block.file);
      } catch (error) {
        if (former === undefined) blocks.delete(blockId);
        else blocks.set(blockId, former);
        throw error;
      }
      if (former !== undefined) await rm(former.file, { force: true });
    },
    async commit(name, blockIds, contentType) {
      const blocks = uncommitted.get(name) ?? new Map<string, Block>();
      const parts = blockIds.map((id) => blocks.get(id)?.file);
      const known = parts.filter((part) => part !== undefined);
      if (known.length < parts.length) {
        throw new BlobError(400, "InvalidBlockList", "The block list names a block that was not sent.");
      }
      const file = newFile();
      writeFileSync(file, "");
      for (const part of known) await pipeline(createReadStream(part), createWriteStream(file, { flags: "a" }));
      uncommitted.delete(name);
      await Promise.all([...blocks.values()].map((block) => rm(block.file, { force: true })));
      return replace(name, file, contentType);
    },
    openLog(name) {
      const blob: Blob = {
        file: newFile(),
        type: "AppendBlob",
        contentType: "text/plain; charset=utf-8",
        etag: newEtag(),
        lastModified: now(),
        metadata: {},
      };
      writeFileSync(blob.file, "");
      blobs.set(name, blob);
      let isComplete = false;
      const changed = (): void => {
        blob.etag = newEtag();
        blob.lastModified = now();
      };
      return {
        write(line) {
          if (isComplete) return;
          appendFileSync(blob.file, `${line}\n`);
          changed();
        },
        end(result) {
          isComplete = true;
          blob.metadata = { complete: result };
          changed();
        },
      };
    },
    async borrow(name) {
      const blob = blobs.get(name);
      if (blob === undefined) return undefined;
      const file = newFile();
      await link(blob.file, file);
      return file;
    },
  };
}
