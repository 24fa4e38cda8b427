import { expect, test } from "vitest";
import { costRows, timeRows } from "../../../infra/local/bench/deployment-rows.ts";
import { readProbeInterval } from "../../../infra/local/bench/probe-intervals.ts";
import type { Promotion } from "../../../infra/local/bench/promotion.ts";
import type { Readings } from "../../../infra/local/bench/readings.ts";
import { DEMO_POLICY } from "../../../infra/local/demo/run-demo.ts";
import { TARGET } from "../../../infra/local/demo/scene.ts";

const NOTHING: Readings = { executions: {}, serviceBus: {}, tables: {}, arm: {}, kubernetes: {}, registry: {} };

const promotion = (counted: Partial<Readings>, times: Partial<Promotion> = {}): Promotion => ({
  version: "2",
  startedAt: 1_000,
  totalMs: 7_000,
  buildMs: 500,
  podsMs: 3_500,
  probesMs: 2_000,
  before: NOTHING,
  after: { ...NOTHING, ...counted },
  events: [],
  ...times,
});

const valueIn = (rows: ReturnType<typeof costRows>, what: string) =>
  rows.find((row) => row.what.trim() === what)?.value;

test("operations of the bus are those it counted, and the two of the look that comes later", () => {
  const rows = costRows(promotion({ serviceBus: { sent: 3, received: 3, completed: 3, total: 9 } }));
  expect(valueIn(rows, "Service Bus operations")).toBe("11 (aim <= 90)");
});

test("calls of ARM are neither uploads nor counted a second time when refused", () => {
  const rows = costRows(promotion({ arm: { "taskRuns.get": 2, refused: 1, "blobs.PUT": 5 } }));
  expect(valueIn(rows, "ARM calls")).toBe("2 (aim <= 12)");
  expect(valueIn(rows, "calls that upload the source, besides")).toBe("5");
});

test("of the registry's calls those of builder and kubelet are left out", () => {
  const rows = costRows(
    promotion({ registry: { "GET acr": 2, "POST oauth2": 1, "PUT manifests": 4, "GET blobs": 9 } }),
  );
  expect(valueIn(rows, "registry calls of the app")).toBe("3");
});

test("probes through the API server's proxy are Kubernetes calls, and told apart", () => {
  const rows = costRows(
    promotion({ kubernetes: { "get pods/proxy": 9, "create services/proxy": 5, "list pods": 12 } }),
  );
  expect(valueIn(rows, "Kubernetes calls of the app")).toBe("26 (aim <= 25)  missed");
  expect(valueIn(rows, "of these, probes through its proxy")).toBe("14");
});

test.each([
  { name: "what build, pods and looks leave over", totalMs: 7_000, expected: "1.00 s (aim <= 1 s)" },
  { name: "above a second it is missed", totalMs: 7_200, expected: "1.20 s (aim <= 1 s)  missed" },
])("the overhead: $name", ({ totalMs, expected }) => {
  expect(timeRows(promotion({}, { totalMs })).at(-1)?.value).toBe(expected);
});

test("the interval between looks is the policy's", async () => {
  expect(await readProbeInterval(DEMO_POLICY, TARGET)).toBe(1_000);
  await expect(readProbeInterval(DEMO_POLICY, "nobody")).rejects.toThrow("has no target nobody");
});
