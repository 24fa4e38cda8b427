import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { deliveryHeaders, isoTimestamp, prepareDelivery } from "../../../infra/local/mlflow/delivery.ts";
import {
  aliasCreated,
  aliasDeleted,
  exampleEvent,
  modelVersionCreated,
  modelVersionTagDeleted,
  modelVersionTagSet,
  type RegistryEvent,
  registeredModelCreated,
} from "../../../infra/local/mlflow/events.ts";
import { pythonJson } from "../../../infra/local/mlflow/json.ts";

const file = (name: string): Promise<string> => readFile(new URL(`../../recorded/${name}`, import.meta.url), "utf8");

const texts = z.record(z.string(), z.string());
const recordedDelivery = z.object({
  name: z.string(),
  method: z.string(),
  headers: texts,
  bodyBase64: z.string(),
  secret: z.string().nullable(),
});
const { deliveries } = z
  .object({ deliveries: z.array(recordedDelivery) })
  .parse(JSON.parse(await file("mlflow-deliveries-recorded.json")));

const computed = z
  .array(
    z.object({
      name: z.string(),
      source: z.string(),
      valid: z.boolean(),
      headers: texts,
      rawBody: z.string(),
      secret: z.string(),
    }),
  )
  .parse(JSON.parse(await file("mlflow-deliveries.json")));

const envelope = z.object({
  entity: z.string(),
  action: z.string(),
  timestamp: z.string(),
  data: z.object({
    name: z.string().optional(),
    version: z.string().optional(),
    alias: z.string().optional(),
    key: z.string().optional(),
    value: z.string().optional(),
    source: z.string().optional(),
    run_id: z.string().nullable().optional(),
    description: z.string().nullable().optional(),
    tags: texts.optional(),
  }),
  workspace: z.string().optional(),
});

/** Events the stand-in sends; it keeps no prompts and no budgets. */
const EMITTED = ["registered_model", "model_version", "model_version_tag", "model_version_alias"];

/** The event again, from its parsed content alone. */
function rebuild({ entity, action, data }: z.infer<typeof envelope>): RegistryEvent {
  const { name = "", version = "", alias = "", key = "", value = "" } = data;
  const tags = new Map(Object.entries(data.tags ?? {}));
  const events: Record<string, RegistryEvent> = {
    "registered_model.created": registeredModelCreated({ name, tags, description: data.description ?? "" }),
    "model_version.created": modelVersionCreated({
      name,
      version,
      source: data.source ?? "",
      runId: data.run_id ?? null,
      tags,
      description: data.description ?? null,
    }),
    "model_version_tag.set": modelVersionTagSet(name, version, key, value),
    "model_version_tag.deleted": modelVersionTagDeleted(name, version, key),
    "model_version_alias.created": aliasCreated(name, alias, version),
    "model_version_alias.deleted": aliasDeleted(name, alias),
  };
  return events[`${entity}.${action}`] ?? { entity: "unknown", action, data: {} };
}

/** Epoch milliseconds with microseconds as the fraction. */
function toEpoch(timestamp: string): number {
  const micros = /\.\d{3}(\d{3})/.exec(timestamp)?.[1] ?? "0";
  return Date.parse(timestamp) + (Number(micros) + 0.5) / 1000;
}

const posts = deliveries.filter(({ method }) => method === "POST");
const parsed = posts.map((recorded) => {
  const body = Buffer.from(recorded.bodyBase64, "base64").toString("utf8");
  return { ...recorded, body, content: envelope.loose().parse(JSON.parse(body)) };
});
const emitted = parsed.filter(({ content }) => EMITTED.includes(content.entity));

describe("deliveries a real MLflow sent, made again from their content and secret", () => {
  test.for(emitted.map((recorded) => [recorded.name, recorded] as const))("%s", ([, recorded]) => {
    const id = recorded.headers["X-MLflow-Delivery-Id"] ?? "";
    const made = prepareDelivery({
      id,
      event: rebuild(recorded.content),
      sentAt: toEpoch(recorded.content.timestamp),
      workspace: undefined,
      secret: recorded.secret ?? undefined,
    });
    const { Host: _, ...headers } = recorded.headers;
    expect(made.body).toBe(recorded.body);
    expect(made.headers).toEqual(Object.entries(headers));
  });

  test("at least one of every event is among them", () => {
    const events = new Set(emitted.map(({ content }) => `${content.entity}.${content.action}`));
    expect(events.size).toBe(6);
    expect(emitted.length).toBeGreaterThanOrEqual(30);
  });

  test("those of prompts have the same bytes too", () => {
    const prompts = parsed.filter(({ content }) => content.entity.startsWith("prompt"));
    expect(prompts.length).toBeGreaterThan(0);
    for (const { body } of prompts) expect(pythonJson(JSON.parse(body))).toBe(body);
  });

  test("the examples of the test endpoint are MLflow's", () => {
    const examples = parsed.filter(
      ({ name, content }) => /^test-endpoint/.test(name) && content.entity !== "budget_policy",
    );
    expect(examples).toHaveLength(5);
    for (const { content } of examples) expect(exampleEvent(content).data).toEqual(content.data);
  });
});

describe("deliveries computed from the algorithm", () => {
  const own = computed.filter(({ source, valid }) => source === "oss" && valid);

  test.for(own.map((delivery) => [delivery.name, delivery] as const))("%s", ([, { headers, rawBody, secret }]) => {
    const content = envelope.parse(JSON.parse(rawBody));
    const id = headers["X-MLflow-Delivery-Id"] ?? "";
    const made = prepareDelivery({
      id,
      event: rebuild(content),
      sentAt: toEpoch(content.timestamp),
      workspace: content.workspace,
      secret,
    });
    expect(made.body).toBe(rawBody);
    expect(deliveryHeaders(id, headers["X-MLflow-Timestamp"] ?? "", rawBody, secret)).toEqual(Object.entries(headers));
  });
});

describe("what Python writes", () => {
  test.for([
    ["a second without a fraction", 1_790_000_000_000, "2026-09-21T14:13:20+00:00"],
    ["milliseconds", 1_790_000_000_120, "2026-09-21T14:13:20.120000+00:00"],
    ["microseconds", 1_790_000_000_000.25, "2026-09-21T14:13:20.000250+00:00"],
  ] as const)("a time with %s", ([, epoch, written]) => {
    expect(isoTimestamp(epoch)).toBe(written);
  });

  test("JSON with separators and escapes", () => {
    expect(pythonJson({ a: [1, true, null], b: 'é\u007f\u0001"\\\n🚀', c: {}, d: [], e: undefined })).toBe(
      '{"a": [1, true, null], "b": "\\u00e9\\u007f\\u0001\\"\\\\\\n\\ud83d\\ude80", "c": {}, "d": []}',
    );
  });
});
