import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import { noAnswer } from "./bounded-fetch.ts";

export interface StreamRequest {
  headers?: Readonly<Record<string, string>>;
  /** Longest wait for the answer's headers, and for each piece of its body. */
  timeoutMs: number;
  signal: AbortSignal;
}

export interface StreamedAnswer {
  status: number;
  headers: Headers;
  /** Read to its end or destroyed: either frees the connection. Its errors are TransientErrors. */
  body: Readable;
}

/**
 * One GET whose body is read as it comes, however long it is. Redirects are not followed.
 * @throws TransientError without an answer.
 */
export async function openStream(address: URL, what: string, request: StreamRequest): Promise<StreamedAnswer> {
  const { headers, timeoutMs, signal } = request;
  const stop = new AbortController();
  const limited = async <T>(wait: Promise<T>): Promise<T> => {
    const silence = () => stop.abort(new DOMException("The answer stopped.", "TimeoutError"));
    const timer = setTimeout(silence, timeoutMs);
    try {
      return await wait;
    } catch (error) {
      throw noAnswer(address, what, error);
    } finally {
      clearTimeout(timer);
    }
  };
  const answer = await limited(
    fetch(address, {
      redirect: "manual",
      signal: AbortSignal.any([signal, stop.signal]),
      ...(headers === undefined ? {} : { headers }),
    }),
  );
  const body = answer.body === null ? Readable.from([]) : toReadable(answer.body, limited, () => stop.abort());
  return { status: answer.status, headers: answer.headers, body };
}

/** Node's own conversion would neither limit the wait for a piece nor give our errors. */
function toReadable(
  body: ReadableStream<Uint8Array>,
  limited: <T>(wait: Promise<T>) => Promise<T>,
  stop: () => void,
): Readable {
  const reader = body.getReader();
  return new Readable({
    read() {
      limited(reader.read()).then(
        ({ value }) => this.push(value ?? null),
        (error: Error) => this.destroy(error),
      );
    },
    destroy(error, callback) {
      if (!this.readableEnded) stop();
      callback(error);
    },
  });
}
