import { Readable } from "node:stream";
import { createHttpHeaders, type HttpClient, RestError } from "@azure/core-rest-pipeline";
import { type Spoiled, toWireAnswer } from "./answer-cases.ts";

/** What an Azure client is given in place of a network; unlike one it answers before its signal can abort. */
export function answeringHttpClient(answer: (method: string, url: URL) => Spoiled): HttpClient {
  return {
    sendRequest: async (request) => {
      const spoiled = answer(request.method, new URL(request.url));
      if ("error" in spoiled) throw new RestError(spoiled.error.message, { code: codeOf(spoiled.error), request });
      const { status, headers, body } = spoiled.answer;
      const common = { request, status, headers: createHttpHeaders({ ...headers }) };
      // Every answer is asked for as a stream, so that its size can be limited.
      const asStream = request.streamResponseStatusCodes?.has(Number.POSITIVE_INFINITY) === true;
      if (request.method === "HEAD" || body.length === 0) return { ...common, bodyAsText: "" };
      return asStream
        ? { ...common, readableStreamBody: Readable.from([body]) }
        : { ...common, bodyAsText: String(body) };
    },
  };
}

function codeOf(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : "REQUEST_SEND_ERROR";
}

/** An answer that is not spoiled. */
export function good(...given: Parameters<typeof toWireAnswer>): Spoiled {
  return { kind: "good", answer: toWireAnswer(...given) };
}
