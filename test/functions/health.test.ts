import { expect, test } from "vitest";
import { createHealth } from "../../functions/health.ts";
import { appThat, invocation, request } from "./calls.ts";

const UP = { system: "Table Storage", ok: true };
const DOWN = { system: "MLflow", ok: false, reason: "no answer within 4 s" };

test.for([
  ["200 when every system answers", 200, { status: "ok" as const, systems: [UP] }],
  ["503 with what does not answer", 503, { status: "degraded" as const, systems: [UP, DOWN] }],
] as const)("%s", async ([, status, report]) => {
  const health = createHealth(appThat({ checkHealth: async () => report }));
  expect(await health(request({}), invocation().context)).toEqual({ status, jsonBody: report });
});
