import { createHash, type Hash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { stat } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, createGzip } from "node:zlib";
import { type Pack, pack } from "tar-stream";
import { type Descriptor, MEDIA_TYPES } from "../container-registry/image-format.ts";

export type LayerEntry = {
  /** In the image, without a leading slash. */
  path: string;
  mode: number;
  uid: number;
  gid: number;
} & ({ type: "directory" } | { type: "symlink"; target: string } | { type: "file"; source: string; bytes: number });

export type Layer = {
  descriptor: Descriptor;
  /** Digest of the archive before compression. */
  diffId: string;
  file: string;
};

const EPOCH = new Date(0);

async function write(archive: Pack, entry: LayerEntry): Promise<void> {
  const { mode, uid, gid } = entry;
  const header = { name: entry.path, mode, uid, gid, mtime: EPOCH };
  switch (entry.type) {
    case "directory":
      archive.entry({ ...header, name: `${entry.path}/`, type: "directory" }, "");
      return;
    case "symlink":
      archive.entry({ ...header, type: "symlink", linkname: entry.target }, "");
      return;
    case "file":
      await pipeline(createReadStream(entry.source), archive.entry({ ...header, type: "file", size: entry.bytes }));
      return;
    default:
      entry satisfies never;
  }
}

function hashing(hash: Hash) {
  return async function* (chunks: AsyncIterable<Uint8Array>) {
    for await (const chunk of chunks) {
      hash.update(chunk);
      yield chunk;
    }
  };
}

/** Writes a layer to a new file, never holding more than a chunk of it: same entries, same bytes. */
export async function writeLayer(
  entries: readonly LayerEntry[],
  file: string,
  signal: AbortSignal | undefined,
): Promise<Layer> {
  const archive = pack();
  const plain = createHash("sha256");
  const compressed = createHash("sha256");

  async function fill(): Promise<void> {
    try {
      for (const entry of entries) await write(archive, entry);
      archive.finalize();
    } catch (error) {
      archive.destroy(error instanceof Error ? error : new Error(String(error)));
      throw error;
    }
  }

  // Models hardly compress: the fastest level costs few bytes and saves most of the time.
  const gzip = createGzip({ level: constants.Z_BEST_SPEED });
  const sink = createWriteStream(file, { flags: "wx" });
  await Promise.all([
    fill(),
    pipeline(Readable.from(archive), hashing(plain), gzip, hashing(compressed), sink, { signal }),
  ]);
  const { size } = await stat(file);
  const digest = `sha256:${compressed.digest("hex")}`;
  return {
    descriptor: { mediaType: MEDIA_TYPES.layerGzip, digest, size },
    diffId: `sha256:${plain.digest("hex")}`,
    file,
  };
}
