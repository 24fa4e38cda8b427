import type { NotifierName } from "../../../shared/domain/policy.ts";
import type { Notification } from "../../../shared/ports/notifier.ts";
import type { Consumer, PipelineDependencies } from "../../../shared/steps/consumers.ts";
import { createFakeBuilder, createFakeImages } from "../../fakes/fake-builder.ts";
import { createFakeBus, type Delivery } from "../../fakes/fake-bus.ts";
import { type Behaviour, createFakeCluster } from "../../fakes/fake-cluster.ts";
import { createFakeRegistry } from "../../fakes/fake-registry.ts";
import { BASE, policyFor } from "../../pipeline/manifests.ts";
import type { Modules } from "./load-build.ts";
import { createMemoryTable } from "./memory-table.ts";

/** 2026-09-21T14:13:20Z */
const START = 1_790_000_000_000;
const MODEL = "churn-classifier";
const NEVER = new AbortController().signal;
/** Messages after which a story counts as one without end. */
const MOST_TURNS = 2_000;

/** What of a build works on a stage. */
export type Player = Pick<Modules, "consumers" | "store">;
export type Stage = ReturnType<typeof createStage>;

/** One table and the fakes of all else, for any number of builds under one virtual clock. */
export function createStage(fates: Readonly<Record<string, Behaviour>> = {}) {
  let time = START;
  const now = () => time;
  const clock = { now, timeout: () => NEVER };
  const table = createMemoryTable(now);
  const bus = createFakeBus(now);
  const registry = createFakeRegistry();
  const images = createFakeImages();
  const builder = createFakeBuilder(now, images, () => ({ seconds: 3 }));
  const cluster = createFakeCluster(now, (image) => fates[images.tagOf(image)?.split("-")[0] ?? ""] ?? "good");
  const told: Notification[] = [];
  const logged: { event: string; fields: Readonly<Record<string, unknown>> }[] = [];
  const notifier = { notify: async (notification: Notification) => void told.push(notification) };
  const notifiers: Readonly<Record<NotifierName, typeof notifier>> = {
    log: notifier,
    webhook: notifier,
    slack: notifier,
  };
  for (const version of ["1", "2", "3"]) registry.register(MODEL, version, { metrics: { accuracy: 0.9 } });

  /** A worker of a build. */
  const start = ({ consumers, store }: Player): Readonly<Record<string, Consumer>> => {
    const dependencies: PipelineDependencies = {
      store: store.createTableStore(table.client, clock),
      bus,
      registry,
      builder,
      images,
      openCluster: async () => ({ cluster, prober: cluster.prober, previewer: cluster.previewer }),
      readTemplate: async () => ({ hash: "template", files: [{ path: "Dockerfile", content: Buffer.from("FROM a") }] }),
      readManifests: async () => BASE,
      notifiers,
      policies: [policyFor()],
      retention: { taskRunSeconds: 7 * 86_400, releaseSeconds: 30 * 86_400, keptReleases: 2 },
      log: (_level, event, fields) => void logged.push({ event, fields }),
      clock,
    };
    return consumers.createConsumers(dependencies);
  };

  /** Takes the next message when its time has come; undefined: none is left. */
  const next = (): Delivery | undefined => {
    time = Math.max(time, bus.nextAt() ?? time);
    return bus.take(time);
  };

  /** Hands every message over to whom `choose` names, until none is left or `until` holds. */
  const run = async (
    choose: (delivery: Delivery, turn: number) => Readonly<Record<string, Consumer>>,
    until: () => boolean = () => false,
  ): Promise<void> => {
    for (let turn = 0; !until(); turn++) {
      const delivery = next();
      if (delivery === undefined) return;
      if (turn === MOST_TURNS) throw new Error("The story does not end.");
      await choose(delivery, turn)[delivery.queue]?.(delivery.body, delivery.id);
    }
  };

  const promote = async (version: string): Promise<void> => {
    time += 1_000;
    registry.setAlias(MODEL, "champion", version);
    const id = `wish-${version}-${time}`;
    const origin = { kind: "webhook", deliveryId: id, event: "model_version_alias.created" };
    const pointer = { kind: "alias", alias: "champion" };
    await bus.send([
      { queue: "promotions", id, body: { id, model: MODEL, pointer, version, wishedAt: time + 1, origin } },
    ]);
  };

  return { table, bus, cluster, told, logged, start, next, run, promote };
}
