import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest, type RequestOptions } from "node:https";
import type { KubeConfig } from "@kubernetes/client-node";
import { PermanentError, TransientError } from "../../domain/errors.ts";

export interface KubeRequest {
  method: "GET" | "POST" | "PATCH" | "DELETE";
  /** Absolute, already encoded. */
  path: string;
  body?: string;
  contentType?: string;
  timeoutMs: number;
  maxBytes: number;
  signal: AbortSignal;
}

export interface KubeAnswer {
  status: number;
  body: string;
}

/** @throws TransientError without an answer in time, PermanentError for one that is too large. */
export type KubeHttp = (request: KubeRequest) => Promise<KubeAnswer>;

/** The same, with limits that hold unless a call has its own. */
export type KubeCall = (
  request: Pick<KubeRequest, "method" | "path" | "signal"> & Partial<KubeRequest>,
) => Promise<KubeAnswer>;

/**
 * Raw calls to an API server with limits on time and size, which the generated client does not have.
 * Address, certificates, tokens and proxies are the client's own reading of the kubeconfig.
 */
export function createKubeHttp(config: KubeConfig): KubeHttp {
  const server = config.getCurrentCluster()?.server;
  if (server === undefined)
    throw new PermanentError("configuration-wrong", "The kubeconfig's current context names no cluster.");
  const base = new URL(server);
  return async ({ method, path, body, contentType, timeoutMs, maxBytes, signal }) => {
    const options: RequestOptions = {
      method,
      headers: headersOf(body, contentType),
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    };
    try {
      await config.applyToHTTPSOptions(options);
      return await exchange(new URL(`${base.pathname.replace(/\/$/, "")}${path}`, base), options, body, maxBytes);
    } catch (error) {
      if (error instanceof PermanentError) throw error;
      throw new TransientError("unreachable", `The API server ${base.host} gave no answer: ${reasonOf(error)}.`, {
        cause: error,
      });
    }
  };
}

/** Node frames no body of a DELETE by itself: without its length the server would take it for the next request. */
function headersOf(body: string | undefined, contentType: string | undefined): Record<string, string> {
  return {
    accept: "application/json",
    ...(contentType === undefined ? {} : { "content-type": contentType }),
    ...(body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) }),
  };
}

function exchange(
  address: URL,
  options: RequestOptions,
  body: string | undefined,
  maxBytes: number,
): Promise<KubeAnswer> {
  return new Promise((resolve, reject) => {
    const send = address.protocol === "http:" ? httpRequest : httpsRequest;
    const request = send(address, options, (answer) => readAnswer(answer, maxBytes).then(resolve, reject));
    request.on("error", reject);
    request.end(body);
  });
}

async function readAnswer(answer: IncomingMessage, maxBytes: number): Promise<KubeAnswer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer) {
    size += (chunk as Buffer).byteLength;
    if (size > maxBytes) {
      answer.destroy();
      throw new PermanentError("bad-answer", `The API server answered with more than ${maxBytes} bytes.`);
    }
    chunks.push(chunk as Buffer);
  }
  return { status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") };
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  if (error.name === "TimeoutError" || error.name === "AbortError") return "it took too long";
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}
