import { randomBytes } from "node:crypto";
import { TableClient } from "@azure/data-tables";
import { afterAll, beforeAll } from "vitest";
import { createTableServer } from "../../infra/local/tables/create-table-server.ts";
import { systemClock } from "../../shared/adapters/clock/system-clock.ts";
import { createTableStore, ensureTable } from "../../shared/adapters/tables/deployment-store.ts";
import { createFakeStore } from "../fakes/fake-store.ts";
import { deploymentStoreContract } from "./deployment-store.ts";

const server = createTableServer();
beforeAll(() => server.listen());
afterAll(() => server.close());

deploymentStoreContract("the fake", async () => createFakeStore(Date.now));
deploymentStoreContract("Azure Table Storage", async () => {
  const table = `t${randomBytes(8).toString("hex")}`;
  const client = TableClient.fromConnectionString(server.connectionString, table, { allowInsecureConnection: true });
  await ensureTable(client);
  return createTableStore(client, systemClock);
});
