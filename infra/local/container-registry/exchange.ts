import type { IncomingMessage, ServerResponse } from "node:http";
import { RegistryError } from "./errors.ts";

/** One request and its answer. */
export type Exchange = {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly method: string;
  /** The decoded path. */
  readonly path: string;
  readonly query: URLSearchParams;
};

export type Headers = Readonly<Record<string, string | number>>;

export function answer(exchange: Exchange, status: number, headers: Headers = {}, body?: string | Buffer): void {
  const length = body === undefined ? 0 : Buffer.byteLength(body);
  exchange.response.writeHead(status, status === 204 ? headers : { "content-length": length, ...headers });
  exchange.response.end(exchange.method === "HEAD" ? undefined : body);
}

export function answerJson(exchange: Exchange, status: number, value: unknown, headers: Headers = {}): void {
  answer(exchange, status, { "content-type": "application/json; charset=utf-8", ...headers }, JSON.stringify(value));
}

/** Throws SIZE_INVALID (413) as soon as what arrives is known to be longer than `limitBytes`. */
export function refuseLonger(limitBytes: number, bytes: number): void {
  if (bytes > limitBytes) {
    throw new RegistryError(413, "SIZE_INVALID", `the content is longer than ${limitBytes} bytes`, {
      headers: { connection: "close" },
    });
  }
}

/** The whole body, at most `limitBytes` long. */
export async function readBody(exchange: Exchange, limitBytes: number): Promise<Buffer> {
  refuseLonger(limitBytes, Number(exchange.request.headers["content-length"] ?? 0));
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of exchange.request.iterator({ destroyOnReturn: false })) {
    chunks.push(chunk);
    bytes += chunk.length;
    refuseLonger(limitBytes, bytes);
  }
  return Buffer.concat(chunks);
}
