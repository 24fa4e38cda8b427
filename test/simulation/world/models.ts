import { createHmac } from "node:crypto";
import { TransientError } from "../../../shared/domain/errors.ts";
import type { Pointer } from "../../../shared/domain/promotion.ts";
import type { ModelRegistry } from "../../../shared/ports/model-registry.ts";
import { createFakeRegistry } from "../../fakes/fake-registry.ts";
import type { Faults } from "../kernel/faults.ts";
import type { Chance } from "../kernel/random.ts";
import type { Scheduler } from "../kernel/scheduler.ts";

export const MODEL = "churn-classifier";
export const ALIAS = "champion";
/** Stands in nothing that Belay writes, sends or says. */
export const WEBHOOK_SECRET = "secret-of-the-webhook-7f3a";

/** One HTTP request of MLflow's, as often as it is tried. */
export interface Delivery {
  id: string;
  rawBody: string;
  headers: Readonly<Record<string, string>>;
}

/** An answer that the registry gave. */
export interface Said {
  at: number;
  /** Undefined: the pointer names no version. */
  version: string | undefined;
}

/** How MLflow's webhooks and reads go wrong in one history. */
export interface RegistryMood {
  webhooksLost: number;
  webhooksDuplicated: number;
  webhooksLate: number;
  stale: number;
}

/** MLflow: aliases that move, and webhooks that are lost, repeated, late and out of order. */
export interface SimulatedRegistry {
  port: ModelRegistry;
  /** A data scientist's doings; each emits its webhook. */
  register(version: string): void;
  setAlias(version: string): void;
  deleteAlias(): void;
  deleteVersion(version: string): void;
  /** Somebody deletes the model and registers all of it again: the same numbers, other versions. */
  makeAnew(): void;
  /** When the version that the alias names was made. */
  createdAt(): number | undefined;
  /** What the alias names now. */
  pointed(): string | undefined;
  said(): readonly Said[];
  /** Whether the server answers nobody, and sends nothing. */
  setDown(down: boolean): void;
  /** Sends a delivery to the webhook; resolves to the status, 0: no connection. */
  onDelivery(deliver: (delivery: Delivery, answered: (status: number) => void) => void): void;
}

/** When MLflow tries again after an attempt that got no 2xx, milliseconds. */
const RETRIES = [0, 2_300, 4_500];

export function createSimulatedRegistry(
  scheduler: Scheduler,
  chance: Chance,
  faults: Faults,
  mood: RegistryMood,
): SimulatedRegistry {
  const registry = createFakeRegistry();
  const said: Said[] = [];
  const versions = new Set<string>();
  const created = new Map<string, number>();
  let deliver: (delivery: Delivery, answered: (status: number) => void) => void = (_delivery, answered) => answered(0);
  let down = false;
  let ids = 0;
  let pointed: string | undefined;
  let before: { version: string | undefined; until: number } | undefined;

  const attempt = (delivery: Delivery, tries: number): void => {
    if (down) return;
    deliver(delivery, (status) => {
      const pause = RETRIES[tries];
      if ((status >= 200 && status < 300) || status === 401 || status === 400 || pause === undefined) return;
      scheduler.at(scheduler.now() + pause, () => attempt(delivery, tries + 1));
    });
  };
  const emit = (entity: string, action: string, data: Readonly<Record<string, unknown>>): void => {
    if (down || (chance.happens(mood.webhooksLost) && faults.allows("webhook-lost", `${entity}.${action}`))) return;
    const delivery = sign(`${++ids}`, { entity, action, data }, scheduler.now());
    const late = chance.happens(mood.webhooksLate) && faults.allows("webhook-late", delivery.id);
    const at = scheduler.now() + (late ? chance.between(60_000, 250_000) : chance.between(5, 900));
    scheduler.at(at, () => attempt(delivery, 0));
    if (chance.happens(mood.webhooksDuplicated) && faults.allows("webhook-duplicated", delivery.id))
      scheduler.at(at + chance.between(1, 20_000), () => attempt(delivery, 3));
  };
  const move = (version: string | undefined): void => {
    before = { version: pointed, until: scheduler.now() + chance.between(0, 30_000) };
    pointed = version;
  };
  const answered = (): void => {
    if (down) throw new TransientError("unreachable", "MLflow gave no answer.");
  };
  /** A read replica that is behind says what was. */
  const isStale = () =>
    before !== undefined &&
    scheduler.now() < before.until &&
    chance.happens(mood.stale) &&
    faults.allows("registry-stale", "resolve");

  const port: ModelRegistry = {
    ...registry,
    resolve: async (name, pointer: Pointer, signal) => {
      answered();
      if (isStale() && before?.version !== undefined) {
        const former = await registry.readVersion(name, before.version, signal);
        said.push({ at: scheduler.now(), version: former?.version });
        return former;
      }
      const found = await registry.resolve(name, pointer, signal);
      said.push({ at: scheduler.now(), version: found?.version });
      return found;
    },
    listModels: async (after, signal) => {
      answered();
      return registry.listModels(after, signal);
    },
    readVersion: async (name, version, signal) => {
      answered();
      return registry.readVersion(name, version, signal);
    },
    readMetrics: async (version, signal) => {
      answered();
      return registry.readMetrics(version, signal);
    },
    readInputExample: async (version, signal) => {
      answered();
      return registry.readInputExample(version, signal);
    },
  };
  registry.createModel(MODEL);
  return {
    port,
    register: (version) => {
      versions.add(version);
      created.set(version, registry.register(MODEL, version, { metrics: { accuracy: 0.9 } }).createdAt);
    },
    setAlias: (version) => {
      // MLflow refuses an alias on a version that is not there.
      if (!versions.has(version)) return;
      move(version);
      registry.setAlias(MODEL, ALIAS, version);
      emit("model_version_alias", "created", { name: MODEL, alias: ALIAS, version });
    },
    deleteAlias: () => {
      move(undefined);
      registry.deleteAlias(MODEL, ALIAS);
      emit("model_version_alias", "deleted", { name: MODEL, alias: ALIAS });
    },
    deleteVersion: (version) => {
      if (pointed === version) move(undefined);
      versions.delete(version);
      registry.deleteVersion(MODEL, version);
    },
    makeAnew: () => {
      registry.deleteModel(MODEL);
      registry.createModel(MODEL);
      for (const version of versions)
        created.set(version, registry.register(MODEL, version, { metrics: { accuracy: 0.9 } }).createdAt);
      if (pointed === undefined) return;
      registry.setAlias(MODEL, ALIAS, pointed);
      emit("model_version_alias", "created", { name: MODEL, alias: ALIAS, version: pointed });
    },
    createdAt: () => created.get(pointed ?? ""),
    pointed: () => pointed,
    said: () => said,
    setDown: (value) => {
      down = value;
    },
    onDelivery: (receiver) => {
      deliver = receiver;
    },
  };
}

function sign(id: string, event: Readonly<Record<string, unknown>>, now: number): Delivery {
  const delivery = `delivery-${id}`;
  const timestamp = String(Math.floor(now / 1000));
  const rawBody = JSON.stringify({ ...event, timestamp: new Date(now).toISOString() });
  const signature = createHmac("sha256", WEBHOOK_SECRET).update(`${delivery}.${timestamp}.${rawBody}`).digest("base64");
  return {
    id: delivery,
    rawBody,
    headers: {
      "x-mlflow-delivery-id": delivery,
      "x-mlflow-timestamp": timestamp,
      "x-mlflow-signature": `v1,${signature}`,
    },
  };
}
