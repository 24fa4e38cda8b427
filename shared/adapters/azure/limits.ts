import type { ContainerRegistryManagementClientOptionalParams } from "@azure/arm-containerregistry";
import { PermanentError } from "../../domain/errors.ts";

type AdditionalPolicy = NonNullable<ContainerRegistryManagementClientOptionalParams["additionalPolicies"]>[number];
type Policy = AdditionalPolicy["policy"];

export interface Limits {
  /** Of one request and its whole answer; the SDK's own time-out ends with the answer's headers. */
  timeoutMs: number;
  /** Of an answer's body, which the SDK reads to its end however long it is. */
  maxBytes: number;
}

/**
 * Options for every Azure client: limits on time and size, no retry (a visit is repeated by its message, and the SDK
 * would wait as long as a Retry-After says), no redirect (it would carry a body elsewhere).
 */
export function limitedOptions(limits: Limits) {
  const policy: AdditionalPolicy = { policy: createLimits(limits), position: "perCall" };
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
      let tooLarge = false;
      request.abortSignal = stop.signal;
      request.onDownloadProgress = ({ loadedBytes }) => {
        if (loadedBytes <= maxBytes) return;
        tooLarge = true;
        stop.abort();
      };
      try {
        return await next(request);
      } catch (error) {
        if (tooLarge) throw new PermanentError("bad-answer", `Azure answered with more than ${maxBytes} bytes.`);
        throw error;
      } finally {
        clearTimeout(timer);
        outer?.removeEventListener("abort", abort);
      }
    },
  };
}
