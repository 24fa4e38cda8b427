import { TableClient } from "@azure/data-tables";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { limitedOptions } from "../../shared/adapters/azure/limits.ts";
import { systemClock } from "../../shared/adapters/clock/system-clock.ts";
import { createTableStore } from "../../shared/adapters/tables/deployment-store.ts";
import { newTarget } from "../../shared/domain/target.ts";
import type { DeploymentStore } from "../../shared/ports/deployment-store.ts";
import { checkError, type Expected } from "../support/hostile-answers.ts";
import { type HostileServer, type Hostility, SECRET, startHostileServer } from "../support/hostile-server.ts";

let server: HostileServer;
let store: DeploymentStore;

beforeAll(async () => {
  server = await startHostileServer();
  const connection = `DefaultEndpointsProtocol=http;AccountName=account;AccountKey=${SECRET}=;TableEndpoint=${server.url}/account;`;
  const options = { ...limitedOptions({ timeoutMs: 1_000, maxBytes: 4 * 1024 * 1024 }), allowInsecureConnection: true };
  store = createTableStore(TableClient.fromConnectionString(connection, "deployments", options), systemClock);
});
afterAll(() => server.close());

const UNREACHABLE: Expected = { is: "transient", code: "unreachable" };
const BAD_ANSWER: Expected = { is: "permanent", code: "bad-answer" };
const CALLS: readonly (readonly [string, (store: DeploymentStore) => Promise<unknown>])[] = [
  ["reading", (open) => open.readDeployment("churn", 1)],
  ["listing", (open) => open.listOfTarget("churn", 10)],
  [
    "saving",
    (open) => open.save({ target: "churn", record: { value: newTarget("churn") }, deployments: [], visits: [] }),
  ],
];
const ANSWERS: readonly (readonly [Hostility, Expected])[] = [
  ["silent", UNREACHABLE],
  ["dripping", UNREACHABLE],
  ["resetting", UNREACHABLE],
  ["cut off", UNREACHABLE],
  ["endless", BAD_ANSWER],
  ["redirecting", BAD_ANSWER],
  [401, { is: "transient", code: "access-denied" }],
  [403, { is: "transient", code: "access-denied" }],
  [429, UNREACHABLE],
  [503, UNREACHABLE],
];

describe.each(CALLS)("%s the table", (_name, call) => {
  it.each(ANSWERS)("stands an answer that is %s", async (hostility, expected) => {
    server.answerWith(hostility);
    const before = server.trapped();
    const started = performance.now();
    const error = await call(store).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    checkError(error, expected);
    expect(performance.now() - started).toBeLessThan(5_000);
    expect(server.trapped()).toBe(before);
  });
});

it.each([
  // A proxy's page; the SDK does not say that there was an answer.
  ["no JSON", UNREACHABLE],
  ["another shape", BAD_ANSWER],
] as const)("reading the table stands an answer that is %s", async (hostility, expected) => {
  server.answerWith(hostility);
  const error = await store.readDeployment("churn", 1).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  checkError(error, expected);
});

describe("an answer that says something else", () => {
  const errorOf = (call: Promise<unknown>) =>
    call.then(
      () => undefined,
      (error: unknown) => error,
    );

  it.each<Hostility>(["no JSON", "another shape"])("of %s is not a transaction that was done", async (hostility) => {
    server.answerWith(hostility);
    const change = { target: "churn", record: { value: newTarget("churn") }, deployments: [], visits: [] };
    checkError(await errorOf(store.save(change)), { is: "transient", code: "bad-answer" });
  });

  it("of 404 without the table's own word for it is not an absent row", async () => {
    server.answerWith(404);
    checkError(await errorOf(store.readTarget("churn")), UNREACHABLE);
  });

  it.each([
    ["partition", { PartitionKey: "another", RowKey: "target" }],
    ["row", { PartitionKey: "churn", RowKey: "another" }],
  ])("of another %s is refused", async (_what, keys) => {
    server.answerWith((_request, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ ...keys, schema: 1, json0: JSON.stringify(newTarget("another")) }));
      return "handled";
    });
    checkError(await errorOf(store.readTarget("churn")), { is: "permanent", code: "bad-answer" });
  });
});
