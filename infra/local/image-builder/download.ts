import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { BLOB_LIMIT_BYTES } from "../container-registry/image-format.ts";
import { BuildError } from "./dockerfile.ts";

const TIME_LIMIT_MS = 15 * 60_000;

/** The address without what may be secret in it. */
function named(url: URL): string {
  return `${url.origin}${url.pathname}`;
}

async function open(url: URL, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
  const answer = await fetch(url, { signal }).catch((cause: unknown) => {
    signal.throwIfAborted();
    const reason = cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : String(cause);
    throw new BuildError(`ADD failed: ${named(url)} does not answer: ${reason}`, { cause });
  });
  if (!answer.ok || !answer.body) {
    await answer.body?.cancel();
    throw new BuildError(`ADD failed: ${named(url)} was answered ${answer.status}`);
  }
  return answer.body;
}

/** Writes what an address gives to a new file, at most 2 GiB in 15 minutes; returns its length. Throws a BuildError. */
export async function download(
  url: URL,
  file: string,
  checksum: string | undefined,
  signal: AbortSignal | undefined,
): Promise<number> {
  const bounded = AbortSignal.any([AbortSignal.timeout(TIME_LIMIT_MS), ...(signal ? [signal] : [])]);
  const hash = createHash("sha256");
  let bytes = 0;
  async function* checked(chunks: AsyncIterable<Uint8Array>) {
    for await (const chunk of chunks) {
      bytes += chunk.length;
      if (bytes > BLOB_LIMIT_BYTES) throw new BuildError(`ADD failed: ${named(url)} is longer than 2 GiB`);
      hash.update(chunk);
      yield chunk;
    }
  }
  await pipeline(await open(url, bounded), checked, createWriteStream(file, { flags: "wx" }), { signal: bounded });
  const found = `sha256:${hash.digest("hex")}`;
  if (checksum !== undefined && checksum !== found) {
    throw new BuildError(`ADD failed: ${named(url)} has the checksum ${found}, not ${checksum}`);
  }
  return bytes;
}
