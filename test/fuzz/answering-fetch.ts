import { vi } from "vitest";
import type { Spoiled } from "./answer-cases.ts";

const WITHOUT_BODY = new Set([204, 205, 304]);

/** Lets every `fetch` of this process be answered without a network; returns the undoing. */
export function answerFetch(answer: (address: URL, method: string) => Spoiled): () => void {
  vi.stubGlobal("fetch", async (address: URL, { method = "GET", signal }: RequestInit = {}) => {
    signal?.throwIfAborted();
    const spoiled = answer(address, method);
    if ("error" in spoiled) throw spoiled.error;
    const { status, headers, body } = spoiled.answer;
    // As a server's: a HEAD has the head of a GET.
    const length = { "content-length": String(body.length), ...headers };
    return new Response(WITHOUT_BODY.has(status) || method === "HEAD" ? null : body, { status, headers: length });
  });
  return () => vi.unstubAllGlobals();
}
