import { PermanentError, TransientError } from "../../domain/errors.ts";

export interface BoundedRequest {
  method?: "GET" | "POST" | "PUT" | "PATCH" | "HEAD";
  headers?: Readonly<Record<string, string>>;
  body?: string;
  timeoutMs: number;
  /** Bytes of the answer's body that are read; a longer one is an error. */
  maxBytes: number;
  signal: AbortSignal;
}

export interface BoundedAnswer {
  status: number;
  headers: Headers;
  body: Buffer;
}

/** An answer longer than what is read of it. */
export class AnswerTooLargeError extends PermanentError {
  constructor(what: string, maxBytes: number) {
    super("bad-answer", `${what} answered with more than ${maxBytes} bytes.`);
  }
}

/**
 * One HTTP call with limits on time and size. Redirects are not followed: they would carry body and secrets elsewhere.
 * @throws TransientError without an answer, AnswerTooLargeError. Neither names query or body.
 */
export async function boundedFetch(address: URL, what: string, request: BoundedRequest): Promise<BoundedAnswer> {
  const { timeoutMs, maxBytes, signal, headers, method = "GET", body } = request;
  try {
    const answer = await fetch(address, {
      method,
      redirect: "manual",
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      ...(headers === undefined ? {} : { headers }),
      ...(body === undefined ? {} : { body }),
    });
    return { status: answer.status, headers: answer.headers, body: await readBounded(answer, what, maxBytes) };
  } catch (error) {
    if (error instanceof AnswerTooLargeError) throw error;
    throw noAnswer(address, what, error);
  }
}

/** What `fetch` threw as ours; names neither path nor query. */
export function noAnswer({ origin }: URL, what: string, error: unknown): TransientError {
  const message = `${what} at ${origin} gave no answer: ${reasonOf(error)}.`;
  return new TransientError("unreachable", message, { cause: error });
}

async function readBounded(answer: Response, what: string, maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  if (answer.body === null) return Buffer.alloc(0);
  for await (const chunk of answer.body) {
    size += chunk.byteLength;
    if (size > maxBytes) throw new AnswerTooLargeError(what, maxBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The innermost code, such as ECONNREFUSED; texts may repeat addresses with secrets. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  if (error.name === "TimeoutError") return "it took too long";
  const cause = error.cause;
  if (cause instanceof Error && "code" in cause && typeof cause.code === "string") return cause.code;
  return error.name;
}

/** Seconds of a `Retry-After` header, where it is one that can be read. */
export function retryAfterSeconds(headers: Headers): number | undefined {
  const value = headers.get("retry-after");
  return value !== null && /^\d{1,6}$/.test(value) ? Number(value) : undefined;
}
