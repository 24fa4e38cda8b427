import { isDeepStrictEqual } from "node:util";
import { TableClient } from "@azure/data-tables";
import { expect } from "vitest";
import { limitedOptions } from "../../shared/adapters/azure/limits.ts";
import { systemClock } from "../../shared/adapters/clock/system-clock.ts";
import { createTableStore } from "../../shared/adapters/tables/deployment-store.ts";
import { deploymentRow, visitRow } from "../../shared/adapters/tables/keys.ts";
import { bundleProperties } from "../../shared/adapters/tables/rows.ts";
import { newTarget } from "../../shared/domain/target.ts";
import type { DeploymentStore } from "../../shared/ports/deployment-store.ts";
import { running } from "../domain/build.ts";
import { type GoodAnswer, SECRET, type Spoiled, spoilAnswer, type WireAnswer } from "./answer-cases.ts";
import { meet, nameOf, type Question, show } from "./answer-checks.ts";
import { answeringHttpClient } from "./answering-http-client.ts";
import type { Json } from "./json-value.ts";

const TARGET = "churn";
const GENERATION = 1_790_000_000;
export const HEADERS = {
  "content-type": "application/json;odata=fullmetadata;streaming=true;charset=utf-8",
  date: "Mon, 21 Sep 2026 14:13:20 GMT",
  etag: "W/\"datetime'2026-09-21T14%3A13%3A20.0000000Z'\"",
};
const CONTENT = JSON.stringify({ release: "content ".repeat(50) });

/** A row as the service writes it: with the type beside what JSON has no type for. */
export function row(
  rowKey: string,
  properties: { [key: string]: Json },
  partitionKey = TARGET,
): { [key: string]: Json } {
  return {
    "odata.metadata": "https://models.table.core.windows.net/$metadata#deployments/@Element",
    "odata.etag": HEADERS.etag,
    PartitionKey: partitionKey,
    RowKey: rowKey,
    Timestamp: "2026-09-21T14:13:20.0000000Z",
    "Timestamp@odata.type": "Edm.DateTime",
    ...properties,
  };
}

export function record(rowKey: string, value: unknown, partitionKey?: string): { [key: string]: Json } {
  return row(rowKey, { schema: 1, json0: JSON.stringify(value) }, partitionKey);
}

function bundle(rowKey: string): Json {
  const packed = Buffer.from(Object(bundleProperties(CONTENT)["part0"])).toString("base64");
  return row(rowKey, { schema: 1, part0: packed, "part0@odata.type": "Edm.Binary" });
}

/** What a transaction of so many actions is answered with. */
export function batch(actions: number): string {
  const one =
    '--changesetresponse_b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 204 No Content\r\nETag: W/"1"\r\n\r\n\r\n';
  return `--batchresponse_a\r\nContent-Type: multipart/mixed; boundary=changesetresponse_b\r\n\r\n${one.repeat(actions)}--changesetresponse_b--\r\n--batchresponse_a--\r\n`;
}

/** One client for all, because opening one costs more than asking. */
let current: () => Spoiled = () => expect.fail("nothing is asked yet");
const client = TableClient.fromConnectionString(
  `DefaultEndpointsProtocol=https;AccountName=models;AccountKey=${Buffer.from(SECRET).toString("base64")};TableEndpoint=https://models.table.core.windows.net;`,
  "deployments",
  {
    ...limitedOptions({ timeoutMs: 10_000, maxBytes: 64 * 1024 * 1024 }),
    httpClient: answeringHttpClient(() => current()),
  },
);

/** A store on a table that answers everything like this. */
export function storeAnswering(spoiled: Spoiled): DeploymentStore {
  current = () => spoiled;
  return createTableStore(client, systemClock);
}

interface Asked<T> {
  name: string;
  good: GoodAnswer;
  others?: readonly Json[];
  call: (store: DeploymentStore) => Promise<T>;
  check: (value: T, answer: WireAnswer) => string;
}

function question<T>({ name, good, others = [], call, check }: Asked<T>): Question {
  return {
    name,
    ask: async (random) => {
      const spoiled = spoilAnswer(random, { headers: HEADERS, ...good }, others);
      const met = await meet(call(storeAnswering(spoiled)));
      if (met.kind === "error") return { spoiled, became: nameOf(met.error) };
      try {
        if ("error" in spoiled) return expect.fail("a value out of no answer");
        return { spoiled, became: check(met.value, spoiled.answer) };
      } catch (error) {
        throw new Error(`${show(spoiled)} became ${JSON.stringify(met.value)}: ${error}`, { cause: error });
      }
    },
  };
}

/** A record is what the asked row holds, or absent where the service says that the row is not there. */
function checkRecord(rowKey: string, value: unknown, answer: WireAnswer): string {
  if (value === undefined) return checkAbsent(answer);
  expect(answer.status).toBe(200);
  const said = JSON.parse(withoutMark(answer));
  expect([said.PartitionKey, said.RowKey]).toEqual([TARGET, rowKey]);
  expect(isDeepStrictEqual(value, JSON.parse(said.json0))).toBe(true);
  return "a record";
}

/** Only the table itself can say that a row is not there. */
function checkAbsent({ status, body }: WireAnswer): string {
  expect(status).toBe(404);
  expect(body.toString("utf8")).toContain("ResourceNotFound");
  return "absent";
}

function withoutMark({ body }: WireAnswer): string {
  return body.toString("utf8").replace(/^\ufeff/, "");
}

const succeeded = ({ status }: WireAnswer): boolean => status >= 200 && status < 300;

const target = { ...newTarget(TARGET), generation: GENERATION };
const deployment = running({ generation: GENERATION });
const DEPLOYMENT_ROW = deploymentRow(GENERATION);
const VISIT_ROW = visitRow(GENERATION, 1);

export const TABLE: readonly Question[] = [
  question({
    name: "a target",
    good: { status: 200, body: record("target", target) },
    others: [record("target", newTarget("another"), "another"), record(DEPLOYMENT_ROW, deployment), { value: [] }],
    call: (store) => store.readTarget(TARGET),
    check: ({ now, record: found }, answer) => {
      expect(Number.isFinite(now)).toBe(true);
      return checkRecord("target", found?.value, answer);
    },
  }),
  question({
    name: "a deployment",
    good: { status: 200, body: record(DEPLOYMENT_ROW, deployment) },
    others: [record(deploymentRow(GENERATION + 1), deployment), record("target", target)],
    call: (store) => store.readDeployment(TARGET, GENERATION),
    check: (found, answer) => checkRecord(DEPLOYMENT_ROW, found?.value, answer),
  }),
  question({
    name: "a bundle",
    good: { status: 200, body: bundle("release:0123") },
    others: [bundle("release:another"), record("release:0123", {})],
    call: (store) => store.readBundle(TARGET, "release", "0123"),
    check: (found, answer) => {
      if (found === undefined) return checkAbsent(answer);
      expect(found === CONTENT).toBe(true);
      return "a bundle";
    },
  }),
  question({
    name: "a history",
    good: {
      status: 200,
      body: { value: [record(VISIT_ROW, { sequence: 1 }), record(visitRow(GENERATION, 2), { sequence: 2 })] },
    },
    others: [record(VISIT_ROW, {}), [record(VISIT_ROW, {})]],
    call: (store) => store.readVisits(TARGET, GENERATION),
    check: (found, answer) => {
      expect(answer.status).toBe(200);
      return found.length === 0 ? "none" : "records";
    },
  }),
  question({
    name: "a save of two rows",
    good: {
      status: 202,
      headers: { ...HEADERS, "content-type": "multipart/mixed; boundary=batchresponse_a" },
      body: batch(2),
    },
    others: [batch(1), batch(3), batch(2).replace("204 No Content", "412 Precondition Failed")],
    call: (store) =>
      store.save({
        target: TARGET,
        record: { value: target, etag: 'W/"0"' },
        deployments: [{ value: deployment }],
        visits: [],
      }),
    check: (found, answer) => {
      if (found === "conflict") expect(answer.body.toString("utf8") + answer.status).toMatch(/412|409/);
      else {
        expect(succeeded(answer)).toBe(true);
        expect(answer.body.toString("utf8").match(/HTTP\/1.1 2\d\d/g)).toHaveLength(2);
      }
      return found;
    },
  }),
  question({
    name: "a save of a build",
    good: { status: 204, body: "" },
    call: (store) => store.saveBuild({ key: "0123", attempt: 1 }, 'W/"0"'),
    check: (found, answer) => {
      expect(found === "saved" ? succeeded(answer) : [409, 412].includes(answer.status)).toBe(true);
      return found;
    },
  }),
];
