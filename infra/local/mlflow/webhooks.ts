import { randomUUID } from "node:crypto";
import { invalid, notFound } from "./errors.ts";
import type { EventName } from "./events.ts";
import type { JsonObject } from "./json.ts";

/** A webhook; its secret never leaves the server. */
export interface Webhook {
  id: string;
  name: string;
  description: string;
  url: string;
  events: readonly EventName[];
  secret: string | undefined;
  active: boolean;
  createdAt: number;
  updatedAt: number;
}

export type NewWebhook = Omit<Webhook, "id" | "createdAt" | "updatedAt">;

/** Webhooks in memory; throws what MLflow would answer. */
export interface WebhookStore {
  create(webhook: NewWebhook): Webhook;
  get(id: string): Webhook;
  update(id: string, changes: Partial<NewWebhook>): Webhook;
  delete(id: string): void;
  /** Newest first. */
  all(): Webhook[];
  /** Active ones that subscribe to the event. */
  subscribed(event: EventName): Webhook[];
}

export function createWebhookStore(now: () => number): WebhookStore {
  const webhooks = new Map<string, Webhook>();

  function get(id: string): Webhook {
    const webhook = webhooks.get(id);
    if (webhook === undefined) throw notFound(`Webhook with ID ${id} not found.`);
    return webhook;
  }

  return {
    get,
    create(asked) {
      check(asked);
      const createdAt = now();
      const webhook = { ...asked, id: randomUUID(), createdAt, updatedAt: createdAt };
      webhooks.set(webhook.id, webhook);
      return webhook;
    },
    update(id, changes) {
      const webhook = { ...get(id), ...changes, updatedAt: now() };
      check(webhook);
      webhooks.set(id, webhook);
      return webhook;
    },
    delete(id) {
      get(id);
      webhooks.delete(id);
    },
    all: () => [...webhooks.values()].toReversed(),
    subscribed: ({ entity, action }) =>
      [...webhooks.values()].filter(
        (webhook) => webhook.active && webhook.events.some((each) => each.entity === entity && each.action === action),
      ),
  };
}

/** `webhook` as MLflow answers it: events sorted, in upper case. */
export function toWebhookJson(webhook: Webhook): JsonObject {
  const events = webhook.events.map((event) => ({
    entity: event.entity.toUpperCase(),
    action: event.action.toUpperCase(),
  }));
  return {
    webhook_id: webhook.id,
    name: webhook.name,
    description: webhook.description === "" ? undefined : webhook.description,
    url: webhook.url,
    events: events.toSorted((a, b) => (`${a.entity} ${a.action}` < `${b.entity} ${b.action}` ? -1 : 1)),
    status: webhook.active ? "ACTIVE" : "DISABLED",
    creation_timestamp: webhook.createdAt,
    last_updated_timestamp: webhook.updatedAt,
  };
}

function check({ name, url, events }: NewWebhook): void {
  if (!/^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/.test(name)) {
    throw invalid(
      `Webhook name '${name}' is invalid. It must start and end with a letter or digit, be less than 63 characters long, ` +
        "and contain only letters, digits, dots (.), underscores (_), and hyphens (-).",
    );
  }
  if (url.trim() === "") throw invalid(`Webhook URL cannot be empty or just whitespace: '${url}'`);
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase() ?? "";
  if (!["http", "https"].includes(scheme)) {
    throw invalid(`Invalid webhook URL scheme: '${scheme}'. Allowed schemes are: http, https.`);
  }
  if (!/^[a-z]+:\/\/[^/?#]/i.test(url)) throw invalid(`Webhook URL must include a hostname: '${url}'`);
  if (!URL.canParse(url)) throw invalid(`Invalid webhook URL '${url}'`);
  if (events.length === 0) throw invalid("Webhook events must be a non-empty list of WebhookEvent objects: [].");
}
