import { describe, expect, test } from "vitest";
import { createDeployments } from "../../functions/deployments.ts";
import type { App } from "../../shared/composition.ts";
import { TransientError } from "../../shared/domain/errors.ts";
import { appThat, invocation, request } from "./calls.ts";

const DEPLOYMENT = {
  id: "churn.1790000000",
  target: "churn",
  model: "churn-classifier",
  version: "7",
  phase: "Succeeded",
  createdAt: "2026-09-21T14:13:20.000Z",
  promotion: { id: "delivery-1", wishedAt: "2026-09-21T14:13:20.000Z", origin: {} },
};

function function_() {
  const queries: unknown[] = [];
  const callers: Parameters<App["recordCaller"]>[] = [];
  const deployments = createDeployments(
    appThat({
      recordCaller: (...caller) => void callers.push(caller),
      listDeployments: async (query) => {
        queries.push(query);
        return [DEPLOYMENT];
      },
      readDeployment: async (id) => (id === DEPLOYMENT.id ? DEPLOYMENT : undefined),
    }),
  );
  const get = (query: Record<string, string> = {}, params: Record<string, string> = {}) =>
    deployments(request({ query, params }), invocation().context);
  return { get, queries, callers };
}

describe("the list", () => {
  test.for<[name: string, query: Record<string, string>, asked: unknown]>([
    ["has 20 entries where nothing is said", {}, { limit: 20 }],
    ["takes the smallest limit", { limit: "1" }, { limit: 1 }],
    ["takes the largest limit", { limit: "100" }, { limit: 100 }],
    ["can be that of one target", { target: "churn", limit: "5" }, { target: "churn", limit: 5 }],
  ])("%s", async ([, query, asked]) => {
    const { get, queries } = function_();
    expect(await get(query)).toEqual({ jsonBody: { deployments: [DEPLOYMENT] } });
    expect(queries).toEqual([asked]);
  });

  test.for(["x' or PartitionKey ne '", "Churn", "", "a.b"])(
    "refuses the target '%s' and reads nothing",
    async (target) => {
      const { get, queries } = function_();
      expect((await get({ target })).status).toBe(400);
      expect(queries).toEqual([]);
    },
  );

  test.for(["0", "101", "-1", "1.5", "ten", "", " "])("refuses the limit '%s' and reads nothing", async (limit) => {
    const { get, queries } = function_();
    expect((await get({ limit })).status).toBe(400);
    expect(queries).toEqual([]);
  });
});

test("a table that does not answer is a 503 that says so", async () => {
  const fails = () => Promise.reject(new TransientError("unreachable", "The table gave no answer."));
  const deployments = createDeployments(
    appThat({ recordCaller: () => undefined, listDeployments: fails, readDeployment: fails }),
  );
  for (const params of [{}, { id: DEPLOYMENT.id }])
    expect(await deployments(request({ params }), invocation().context)).toEqual({
      status: 503,
      jsonBody: { error: "The table gave no answer." },
    });
});

test("one deployment is found by its id", async () => {
  const { get } = function_();
  expect(await get({}, { id: DEPLOYMENT.id })).toEqual({ jsonBody: DEPLOYMENT });
});

test("an id that is not there is a 404 that does not repeat all of it", async () => {
  const { get } = function_();
  const answer = await get({}, { id: "x".repeat(5_000) });
  expect(answer.status).toBe(404);
  expect(JSON.stringify(answer).length).toBeLessThan(200);
});

test("who asked is recorded before anything is read, refused or not", async () => {
  const { get, callers } = function_();
  await get({ code: "a-function-key" }, { id: "nothing" });
  await get({ code: "a-function-key", limit: "0" });
  expect(callers.map(([what, , key]) => [what, key])).toEqual([
    ["deployments", "a-function-key"],
    ["deployments", "a-function-key"],
  ]);
});
