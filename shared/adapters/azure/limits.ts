import type { ContainerRegistryManagementClientOptionalParams } from "@azure/arm-containerregistry";
import { PermanentError } from "../../domain/errors.ts";

type AdditionalPolicy = NonNullable<ContainerRegistryManagementClientOptionalParams["additionalPolicies"]>[number];
type Policy = AdditionalPolicy["policy"];
type Response = Awaited<ReturnType<Policy["sendRequest"]>>;

export interface Limits {
  /** Of one request and its whole answer; the SDK's own time-out ends with the answer's headers. */
  timeoutMs: number;
  /** Of an answer's body, unpacked; the SDK would read it to its end however long it is. */
  maxBytes: number;
}

/**
 * Options for every Azure client that reads no streams: limits on time and size, no retry (a visit is repeated by its
 * message, and the SDK would wait as long as a Retry-After says), no redirect (it would carry a body elsewhere).
 */
export function limitedOptions(limits: Limits) {
  const policy: AdditionalPolicy = { policy: createLimits(limits), position: "perRetry" };
  return { retryOptions: { maxRetries: 0 }, redirectOptions: { maxRetries: 0 }, additionalPolicies: [policy] };
}

function createLimits({ timeoutMs, maxBytes }: Limits): Policy {
  return {
    name: "limits",
    sendRequest: async (request, next) => {
      const stop = new AbortController();
      const abort = () => stop.abort();
      const outer = request.abortSignal;
      if (outer?.aborted === true) abort();
      outer?.addEventListener("abort", abort);
      const timer = setTimeout(abort, timeoutMs);
      request.abortSignal = stop.signal;
      // Every answer comes as a stream, which is read here.
      request.streamResponseStatusCodes = new Set([Number.POSITIVE_INFINITY]);
      try {
        return await readBody(await next(request), maxBytes, stop.signal);
      } finally {
        clearTimeout(timer);
        outer?.removeEventListener("abort", abort);
        // The policies around this one look at the caller's signal again, and may send the request again.
        if (outer === undefined) delete request.abortSignal;
        else request.abortSignal = outer;
      }
    },
  };
}

async function readBody(
  { readableStreamBody: body, ...response }: Response,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Response> {
  if (body === undefined) return response;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  // A stream that unpacks does not end when what feeds it breaks.
  const abort = () => reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort);
  try {
    return { ...response, bodyAsText: await Promise.race([readText(body, maxBytes), aborted]) };
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

async function readText(body: NodeJS.ReadableStream, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    const bytes = Buffer.from(chunk);
    size += bytes.byteLength;
    if (size > maxBytes) throw new PermanentError("bad-answer", `Azure answered with more than ${maxBytes} bytes.`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString("utf8");
}
