import type { HttpResponseInit } from "@azure/functions";
import { PermanentError, TransientError } from "../shared/domain/errors.ts";

/**
 * An answer to a person: where an outside system does not answer, 503 with the reason, for whoever asks does so
 * because something is wrong. A defect is thrown on.
 */
export async function inWords(work: () => Promise<HttpResponseInit>): Promise<HttpResponseInit> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof TransientError || error instanceof PermanentError)
      return { status: 503, jsonBody: { error: error.message } };
    throw error;
  }
}
