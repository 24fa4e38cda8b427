import { isDeepStrictEqual } from "node:util";
import { bundleRow, deploymentRow, TARGET_ROW } from "../../shared/adapters/tables/keys.ts";
import { bundleProperties } from "../../shared/adapters/tables/rows.ts";
import type { Deployment } from "../../shared/domain/deployment.ts";
import type { Target } from "../../shared/domain/target.ts";
import type { BuildRecord, DeploymentStore, StoreChange, Versioned } from "../../shared/ports/deployment-store.ts";
import { type GoodAnswer, spoilAnswer } from "./answer-cases.ts";
import type { Json } from "./json-value.ts";
import type { Random } from "./random.ts";
import { BLANK, PAGE } from "./respoken.ts";
import { batch, HEADERS, record, row, storeAnswering } from "./table-questions.ts";

const MISSING: GoodAnswer = {
  status: 404,
  headers: HEADERS,
  body: { "odata.error": { code: "ResourceNotFound", message: { lang: "en-US", value: "not found" } } },
};
const CONFLICT: GoodAnswer = {
  status: 412,
  headers: HEADERS,
  body: { "odata.error": { code: "UpdateConditionNotSatisfied", message: { lang: "en-US", value: "conflict" } } },
};

/** Where the table was never asked, something before it has answered. */
type Saved = "saved" | "conflict" | "never asked";
const SAVED_BUILD: Readonly<Record<Saved, GoodAnswer>> = {
  saved: { status: 204, headers: HEADERS, body: "" },
  conflict: CONFLICT,
  "never asked": PAGE,
};

function ask<T>(random: Random, good: GoodAnswer, call: (store: DeploymentStore) => Promise<T>): Promise<T> {
  return call(storeAnswering(spoilAnswer(random, good, BLANK)));
}

function recordAnswer(partition: string, key: string, found: Versioned<unknown> | undefined): GoodAnswer {
  if (found === undefined) return MISSING;
  return { status: 200, headers: { ...HEADERS, etag: found.etag }, body: record(key, found.value, partition) };
}

/** Rows are Belay's own, and what is in them is trusted: only what the adapter can tell is let through. */
async function unlessTrusted<T>(good: Versioned<T> | undefined, read: Promise<Versioned<T> | undefined>) {
  const found = await read;
  return found === undefined || isDeepStrictEqual(found.value, good?.value) ? found : good;
}

type ReadTarget = Awaited<ReturnType<DeploymentStore["readTarget"]>>;

/** What the table answers, as the service would word it, spoiled, and read by the adapter. */
export const STORE = {
  readTarget: async (random: Random, good: ReadTarget, target: string): Promise<ReadTarget> => {
    const answer = recordAnswer(target, TARGET_ROW, good.record);
    const read = ask(random, answer, async (store) => (await store.readTarget(target)).record);
    const found = await unlessTrusted<Target>(good.record, read);
    return { now: good.now, ...(found === undefined ? {} : { record: found }) };
  },
  readDeployment: (random: Random, good: Versioned<Deployment> | undefined, target: string, generation: number) =>
    unlessTrusted(
      good,
      ask(random, recordAnswer(target, deploymentRow(generation), good), (store) =>
        store.readDeployment(target, generation),
      ),
    ),
  readBuild: (random: Random, good: Versioned<BuildRecord> | undefined, key: string) =>
    unlessTrusted(
      good,
      ask(random, recordAnswer("build", key, good), (store) => store.readBuild(key)),
    ),
  readBundle: (random: Random, good: string | undefined, target: string, kind: "release" | "policy", id: string) => {
    const part0 = Buffer.from(Object(bundleProperties(good ?? "")["part0"])).toString("base64");
    const properties: { [key: string]: Json } = { schema: 1, part0, "part0@odata.type": "Edm.Binary" };
    const found = { status: 200, headers: HEADERS, body: row(bundleRow(kind, id), properties, target) };
    return ask(random, good === undefined ? MISSING : found, (store) => store.readBundle(target, kind, id));
  },
  save: (random: Random, good: Saved, change: StoreChange) => {
    const actions = change.deployments.length + change.visits.length + (change.record === undefined ? 0 : 1);
    const headers = { ...HEADERS, "content-type": "multipart/mixed; boundary=batchresponse_a" };
    const answers = { saved: { status: 202, headers, body: batch(actions) }, conflict: CONFLICT, "never asked": PAGE };
    return ask(random, answers[good], (store) => store.save(change));
  },
  saveBuild: (random: Random, good: Saved, build: BuildRecord, etag?: string) =>
    ask(random, SAVED_BUILD[good], (store) => store.saveBuild(build, etag)),
};
