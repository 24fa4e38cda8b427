import { gunzipSync, gzipSync } from "node:zlib";
import { PermanentError, TransientError } from "../../domain/errors.ts";

/** Version of the rows this code writes. Older rows are read; newer ones are left alone. */
export const SCHEMA = 1;

/** A string property ends at 32,768 characters and a binary one at 64 KiB. */
const CHUNK_CHARACTERS = 32_000;
const CHUNK_BYTES = 64_000;
/** An entity ends at 1 MiB, where a character counts two bytes; a bundle at half of that, compressed. */
const MAX_TEXT = 480_000;
const MAX_BUNDLE_BYTES = 512 * 1024;

/** A record as JSON, cut into properties `json0`, `json1`, …: a row holds more text than one property does. */
export function textProperties(value: unknown): Record<string, unknown> {
  const text = JSON.stringify(value);
  if (text.length > MAX_TEXT)
    throw new PermanentError("unexpected", `A record of ${text.length} characters does not fit a table row.`);
  const properties: Record<string, unknown> = { schema: SCHEMA };
  for (let at = 0, chunk = 0; at < text.length; chunk++) {
    const end = endOfChunk(text, at);
    properties[`json${chunk}`] = text.slice(at, end);
    at = end;
  }
  return properties;
}

/** Half a character is no text: the service would refuse or replace it. */
function endOfChunk(text: string, at: number): number {
  const end = at + CHUNK_CHARACTERS;
  return /[\ud800-\udbff]/.test(text.charAt(end - 1)) ? end - 1 : end;
}

/**
 * @throws TransientError when a newer Belay wrote the row: this one must not touch it. PermanentError when the row is
 * not one of Belay's.
 */
export function readText<T>(row: Record<string, unknown>): T {
  refuseNewer(row);
  let text = "";
  for (let chunk = 0; typeof row[`json${chunk}`] === "string"; chunk++) text += String(row[`json${chunk}`]);
  return read("a record", () => JSON.parse(text) as T);
}

/** Content gzipped into properties `part0`, `part1`, … */
export function bundleProperties(content: string): Record<string, unknown> {
  const packed = gzipSync(content, { level: 9 });
  if (packed.byteLength > MAX_BUNDLE_BYTES)
    throw new PermanentError(
      "release-invalid",
      `A bundle of ${packed.byteLength} bytes is over the limit of ${MAX_BUNDLE_BYTES}.`,
    );
  const properties: Record<string, unknown> = { schema: SCHEMA };
  for (let at = 0; at < packed.byteLength; at += CHUNK_BYTES)
    properties[`part${at / CHUNK_BYTES}`] = new Uint8Array(packed.subarray(at, at + CHUNK_BYTES));
  return properties;
}

export function readBundleText(row: Record<string, unknown>): string {
  refuseNewer(row);
  const parts: Uint8Array[] = [];
  for (let part = 0; row[`part${part}`] instanceof Uint8Array; part++) parts.push(row[`part${part}`] as Uint8Array);
  const packed = Buffer.concat(parts);
  return read("a bundle", () => unpack(packed));
}

/** The unpacker would take what follows the content for more of it, or leave it aside; the content's size comes last. */
function unpack(packed: Buffer): string {
  const content = gunzipSync(packed, { maxOutputLength: 64 * 1024 * 1024 });
  if (content.byteLength !== packed.readUInt32LE(packed.byteLength - 4))
    throw new Error("There is more than a bundle.");
  return content.toString("utf8");
}

function read<T>(what: string, parse: () => T): T {
  try {
    return parse();
  } catch {
    // The parser's text repeats the row's.
    throw new PermanentError("bad-answer", `A row of the table cannot be read as ${what}.`);
  }
}

function refuseNewer(row: Record<string, unknown>): void {
  const { schema } = row as { schema?: unknown };
  if (typeof schema === "number" && schema > SCHEMA)
    throw new TransientError(
      "unexpected",
      `The row was written by a newer Belay (schema ${schema}); this one knows ${SCHEMA}.`,
    );
}
