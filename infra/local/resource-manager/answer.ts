import type { IncomingMessage } from "node:http";

/** What a route answers; a body is sent as JSON. */
export interface Answer {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
}

/** A refusal in the error shape of Resource Manager. */
export class ArmError extends Error {
  override readonly name = "ArmError";
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export const notImplemented = (what: string): ArmError =>
  new ArmError(501, "NotImplemented", `${what} is not implemented by this stand-in.`);

export const notFound = (what: string): ArmError =>
  new ArmError(404, "ResourceNotFound", `The resource '${what}' was not found.`);

export const invalid = (message: string): ArmError => new ArmError(400, "InvalidRequestContent", message);

const MAX_JSON_BYTES = 1024 * 1024;

/** Reads a body of at most 1 MiB as JSON; an empty one is undefined. */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const text = await readText(request, MAX_JSON_BYTES);
  if (text === undefined) throw new ArmError(413, "RequestContentTooLarge", "The request's body is too large.");
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalid(`The request's body is not JSON: ${String(error)}`);
  }
}

/** Reads a whole body as UTF-8; undefined when it is longer than `maxBytes`. */
export async function readText(request: IncomingMessage, maxBytes: number): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > maxBytes) return undefined;
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString("utf8");
}
