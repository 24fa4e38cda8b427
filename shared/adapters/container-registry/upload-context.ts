import type { Readable } from "node:stream";
import { limitedOptions } from "../azure/limits.ts";
import { within } from "../azure/within.ts";
import { classifyUploadError } from "./classify.ts";

const BLOCK_BYTES = 4 * 1024 * 1024;
/** Blocks under way at once: with the one being filled this bounds the memory of an upload to 12 MiB. */
const CONCURRENCY = 2;
const BLOCK_MS = 60_000;
const UPLOAD_MS = 600_000;
const OPTIONS = {
  ...limitedOptions({ timeoutMs: BLOCK_MS, maxBytes: 64 * 1024 }),
  // A block is sent again by itself; the stream behind it could not be read twice.
  retryOptions: { maxTries: 3, retryDelayInMs: 500, maxRetryDelayInMs: 4_000 },
};

/** Streams a context to a signed address, which is a secret. Errors of the stream itself are passed on as they are. */
export async function uploadContext(address: string, contextTarGz: Readable, signal: AbortSignal): Promise<void> {
  const { BlockBlobClient } = await import("@azure/storage-blob");
  const blob = new BlockBlobClient(address, undefined, OPTIONS);
  try {
    await within(signal, UPLOAD_MS, (abortSignal) =>
      blob.uploadStream(contextTarGz, BLOCK_BYTES, CONCURRENCY, {
        abortSignal,
        blobHTTPHeaders: { blobContentType: "application/gzip" },
      }),
    );
  } catch (error) {
    throw classifyUploadError(error);
  } finally {
    // The SDK leaves a stream open that it stopped reading.
    contextTarGz.destroy();
  }
}
