import { z } from "zod";
import type { TestResult } from "./dispatcher.ts";
import { invalid } from "./errors.ts";
import { type EventName, parseEventName } from "./events.ts";
import type { Call, Route } from "./http.ts";
import { listOrNothing } from "./json.ts";
import { parseParameters, required, whole } from "./parameters.ts";
import { page } from "./search.ts";
import { type NewWebhook, toWebhookJson, type WebhookStore } from "./webhooks.ts";

const BASE = "/api/2.0/mlflow/webhooks";

const eventName = z.object({ entity: required, action: required });
const newWebhook = z.object({
  name: required,
  url: required,
  events: z.array(eventName),
  description: z.string().default(""),
  secret: z.string().default(""),
  status: z.string().default("ACTIVE"),
});
const changes = z.object({
  name: z.string().optional(),
  url: z.string().optional(),
  events: z.array(eventName).optional(),
  description: z.string().optional(),
  secret: z.string().optional(),
  status: z.string().optional(),
});
const listParameters = z.object({ max_results: whole.default(100), page_token: z.string().optional() });

/** Webhooks and their test endpoint, which waits for all attempts. */
export function webhookRoutes(
  store: WebhookStore,
  test: (webhookId: string, event: EventName | undefined) => Promise<TestResult>,
): Route[] {
  return [
    {
      method: "POST",
      path: BASE,
      async handle(call) {
        const asked = parseParameters(newWebhook, await call.parameters());
        const webhook = store.create({
          name: asked.name,
          url: asked.url,
          description: asked.description,
          events: toEvents(asked.events),
          secret: asked.secret || undefined,
          active: asked.status !== "DISABLED",
        });
        return { json: { webhook: toWebhookJson(webhook) } };
      },
    },
    {
      method: "GET",
      path: BASE,
      async handle(call) {
        const asked = parseParameters(listParameters, await call.parameters());
        // MLflow takes 0 for "not given".
        const size = asked.max_results === 0 ? 100 : asked.max_results;
        if (size < 1 || size > 1000) throw invalid("max_results must be between 1 and 1000.");
        const { items, next } = page(store.all(), size, asked.page_token);
        return { json: { webhooks: listOrNothing(items.map(toWebhookJson)), next_page_token: next } };
      },
    },
    {
      method: "GET",
      path: `${BASE}/:id`,
      handle: (call) => ({ json: { webhook: toWebhookJson(store.get(idOf(call))) } }),
    },
    {
      method: "PATCH",
      path: `${BASE}/:id`,
      async handle(call) {
        const asked = parseParameters(changes, await call.parameters());
        return { json: { webhook: toWebhookJson(store.update(idOf(call), toChanges(asked))) } };
      },
    },
    {
      method: "DELETE",
      path: `${BASE}/:id`,
      handle(call) {
        store.delete(idOf(call));
        return { json: {} };
      },
    },
    {
      method: "POST",
      path: `${BASE}/:id/test`,
      async handle(call) {
        const { event } = parseParameters(z.object({ event: eventName.optional() }), await call.parameters());
        const [name] = event === undefined ? [] : toEvents([event]);
        const result = await test(idOf(call), name);
        return {
          json: {
            result: {
              success: result.success,
              response_status: result.status,
              response_body: result.body,
              error_message: result.error,
            },
          },
        };
      },
    },
  ];
}

const idOf = (call: Call): string => call.path["id"] ?? "";

function toEvents(events: readonly { entity: string; action: string }[]): EventName[] {
  return events.map(({ entity, action }) => parseEventName(entity, action));
}

/** An empty text means unchanged, so a secret cannot be cleared. */
function toChanges(asked: z.infer<typeof changes>): Partial<NewWebhook> {
  return {
    ...(asked.name ? { name: asked.name } : {}),
    ...(asked.url ? { url: asked.url } : {}),
    ...(asked.secret ? { secret: asked.secret } : {}),
    ...(asked.description === undefined ? {} : { description: asked.description }),
    ...(asked.events === undefined || asked.events.length === 0 ? {} : { events: toEvents(asked.events) }),
    ...(asked.status === undefined ? {} : { active: asked.status !== "DISABLED" }),
  };
}
