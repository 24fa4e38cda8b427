import type { HostileServer } from "../support/hostile-server.ts";
import type { Spoiled } from "./answer-cases.ts";

/** Without an answer the connection is cut, however the error would be called. */
export function answerWith(server: HostileServer, spoiled: Spoiled): void {
  server.answerWith((_request, response) => {
    if ("error" in spoiled) return "resetting";
    const { status, headers, body } = spoiled.answer;
    const withoutBody = status === 204 || status === 304;
    response.writeHead(status, { ...headers, ...(withoutBody ? {} : { "content-length": body.length }) });
    response.end(withoutBody ? undefined : body);
    return "handled";
  });
}
