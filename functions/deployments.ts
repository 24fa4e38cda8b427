import type { HttpRequest, HttpResponseInit } from "@azure/functions";
import type { App } from "../shared/composition.ts";
import { logged } from "./logged.ts";

/** GET the list (`?target=…&limit=…`) or one (`/deployments/<id>`), as JSON. */
export function createDeployments(app: App) {
  return logged(async (request: HttpRequest): Promise<HttpResponseInit> => {
    app.recordCaller("deployments", request.headers, request.query.get("code"));
    const { id } = request.params;
    if (id !== undefined && id !== "") {
      const found = await app.readDeployment(id);
      return found === undefined
        ? { status: 404, jsonBody: { error: `There is no deployment ${id.slice(0, 80)}.` } }
        : { jsonBody: found };
    }
    const limit = readLimit(request.query.get("limit"));
    if (limit === undefined)
      return { status: 400, jsonBody: { error: "limit: a whole number from 1 to 100 is expected." } };
    const target = request.query.get("target");
    return { jsonBody: { deployments: await app.listDeployments({ limit, ...(target === null ? {} : { target }) }) } };
  });
}

function readLimit(text: string | null): number | undefined {
  if (text === null) return 20;
  const limit = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  return limit >= 1 && limit <= 100 ? limit : undefined;
}
