import type { HttpRequest, HttpResponseInit } from "@azure/functions";
import type { App } from "../shared/composition.ts";
import { logged } from "./logged.ts";

/** 200 when every system answers, 503 with what does not. */
export function createHealth(app: App) {
  return logged(async (_request: HttpRequest): Promise<HttpResponseInit> => {
    const report = await app.checkHealth();
    return { status: report.status === "ok" ? 200 : 503, jsonBody: report };
  });
}
