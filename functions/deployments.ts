import type { HttpRequest, HttpResponseInit } from "@azure/functions";
import { type App, MAX_LISTED, TARGET_NAME } from "../shared/composition.ts";
import { inWords } from "./in-words.ts";
import { logged } from "./logged.ts";

/** GET the list (`?target=…&limit=…`) or one (`/deployments/<id>`), as JSON. */
export function createDeployments(app: App) {
  return logged(async (request: HttpRequest): Promise<HttpResponseInit> => {
    app.recordCaller("deployments", request.headers, request.query.get("code"));
    const { id } = request.params;
    return inWords(() => (id === undefined || id === "" ? list(app, request.query) : one(app, id)));
  });
}

async function one(app: App, id: string): Promise<HttpResponseInit> {
  const found = await app.readDeployment(id);
  if (found !== undefined) return { jsonBody: found };
  return { status: 404, jsonBody: { error: `There is no deployment ${id.slice(0, 80)}.` } };
}

async function list(app: App, query: URLSearchParams): Promise<HttpResponseInit> {
  const limit = readLimit(query.get("limit"));
  if (limit === undefined) return refuse(`limit: a whole number from 1 to ${MAX_LISTED} is expected.`);
  const target = query.get("target") ?? undefined;
  if (target !== undefined && !TARGET_NAME.test(target))
    return refuse("target: a name of lower-case letters, digits and dashes is expected.");
  const deployments = await app.listDeployments({ limit, ...(target === undefined ? {} : { target }) });
  return { jsonBody: { deployments } };
}

function refuse(error: string): HttpResponseInit {
  return { status: 400, jsonBody: { error } };
}

function readLimit(text: string | null): number | undefined {
  if (text === null) return 20;
  const limit = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  return limit >= 1 && limit <= MAX_LISTED ? limit : undefined;
}
