import type { Deployment } from "../../shared/domain/deployment.ts";
import type { TargetPolicy } from "../../shared/domain/policy.ts";
import { failed } from "../../shared/domain/problem.ts";
import type { Notification } from "../../shared/ports/notifier.ts";
import { createGiveCommand } from "../../shared/steps/command.ts";
import {
  type Consumer,
  createConsumers,
  createPolicyReader,
  type PipelineDependencies,
  type QueueName,
} from "../../shared/steps/consumers.ts";
import { createTimers, type TimerName } from "../../shared/steps/timers.ts";
import { createFakeBuilder, createFakeImages } from "../fakes/fake-builder.ts";
import { createFakeBus, type Delivery } from "../fakes/fake-bus.ts";
import { type Behaviour, createFakeCluster } from "../fakes/fake-cluster.ts";
import { createFakeRegistry } from "../fakes/fake-registry.ts";
import { createFakeStore } from "../fakes/fake-store.ts";
import { BASE, policyFor } from "./manifests.ts";
import { Crash, createProcess, type Fate, type WorkerProcess } from "./process.ts";

/** How a version turns out. */
export type VersionFate = Behaviour | "build-broken" | "build-service";

/** 2026-09-21T14:13:20Z */
const START = 1_790_000_000_000;
const LOCK_MS = 300_000;
/** Calls to the fakes end at once. */
const NEVER = new AbortController().signal;

export interface WorldOptions {
  policy?: Partial<TargetPolicy>;
  fates?: Readonly<Record<string, VersionFate>>;
  pick?: (due: number) => number;
  /** Every message is handed over this many times. */
  copies?: number;
}

export type World = ReturnType<typeof createWorld>;

/** The whole pipeline on fakes and virtual time: promotions in, endings out. */
export function createWorld({ policy = {}, fates = {}, pick, copies = 1 }: WorldOptions = {}) {
  let time = START;
  const now = () => time;
  const policies = [policyFor(policy)];
  const images = createFakeImages();
  const fateOf = (version: string | undefined): VersionFate => fates[version ?? ""] ?? "good";
  const versionOf = (image: string) => images.tagOf(image)?.split("-")[0];
  const store = createFakeStore(now);
  const bus = createFakeBus(now, pick);
  const registry = createFakeRegistry();
  const builder = createFakeBuilder(now, images, ({ images: [image = ""] }) =>
    buildFate(fateOf(image.split(":")[1]?.split("-")[0])),
  );
  const cluster = createFakeCluster(now, (image) => behaviourOf(fateOf(versionOf(image))));
  const told: Notification[] = [];
  const logged: { event: string; fields: Readonly<Record<string, unknown>> }[] = [];
  let wishes = 0;

  /** A worker process; `fate` decides at each of its points. */
  const spawn = (fate: (point: string) => Fate = () => "go on") => {
    const worker = createProcess(fate);
    const notifier = worker.wrap("notifier", {
      notify: async (notification: Notification) => void told.push(notification),
    });
    const wrapped = {
      cluster: worker.wrap("cluster", cluster),
      prober: worker.wrap("prober", cluster.prober),
      previewer: worker.wrap("previewer", cluster.previewer),
    };
    const dependencies: PipelineDependencies = {
      store: worker.wrap("store", store),
      bus: worker.wrap("bus", bus),
      registry: worker.wrap("registry", registry),
      builder: worker.wrap("builder", builder),
      images: worker.wrap("images", images),
      openCluster: async () => wrapped,
      readTemplate: async () => ({
        hash: "template",
        files: [{ path: "Dockerfile", content: Buffer.from("FROM scratch") }],
      }),
      readManifests: async () => BASE,
      notifiers: { log: notifier, webhook: notifier, slack: notifier },
      policies,
      log: (_level, event, fields) => void logged.push({ event, fields }),
      clock: { now, timeout: () => NEVER },
      retention: { taskRunSeconds: 7 * 86_400, releaseSeconds: 30 * 86_400, keptReleases: 2 },
    };
    const readPolicy = createPolicyReader(dependencies);
    return {
      worker,
      dependencies,
      consumers: createConsumers(dependencies),
      timers: createTimers(dependencies),
      giveCommand: createGiveCommand({ ...dependencies, readPolicy }),
    };
  };
  type Process = ReturnType<typeof spawn>;

  const handOver = async ({ consumers }: Process, { queue, body, id }: Delivery) => {
    await (consumers as Record<string, Consumer>)[queue as QueueName]?.(body, id);
  };

  /** Hands one message over; a dead process is replaced and gets the message again after the lock. */
  const deliver = async (process: Process, message: Delivery, revive: () => Process): Promise<Process> => {
    try {
      for (let copy = 0; copy < copies; copy++) await handOver(process, structuredClone(message));
      return process;
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      bus.giveBack(message, time + LOCK_MS);
      return revive();
    }
  };

  /** Hands over everything that comes due until nothing is left, or `until` holds. */
  const run = async (first: Process = spawn(), until: () => boolean = () => false): Promise<void> => {
    let process = first;
    for (let turns = 0; turns < 2_000 && !until(); turns++) {
      const due = bus.nextAt();
      if (due === undefined) return;
      time = Math.max(time, due);
      const message = bus.take(time);
      if (message !== undefined) process = await deliver(process, message, () => spawn());
    }
  };

  const promote = async (version: string, wishedAt = time + 1) => {
    wishes += 1;
    registry.setAlias("churn-classifier", "champion", version);
    const id = `wish-${wishes}`;
    const body = {
      id,
      model: "churn-classifier",
      pointer: { kind: "alias", alias: "champion" },
      version,
      wishedAt,
      origin: { kind: "webhook", deliveryId: id, event: "model_version_alias.created" },
    };
    await bus.send([{ queue: "promotions", id, body }]);
    return { queue: "promotions", id, body };
  };

  for (const version of ["1", "2", "3", "4"])
    registry.register("churn-classifier", version, { metrics: { accuracy: 0.9 } });

  return {
    store,
    bus,
    registry,
    builder,
    images,
    cluster,
    told,
    logged,
    policies,
    now,
    spawn,
    run,
    handOver,
    promote,
    /** One tick of a timer, and everything that follows from it. */
    tick: async (timer: TimerName) => {
      await spawn().timers[timer]();
      await run();
    },
    /** What a data scientist does without Belay hearing of it. */
    pointSilently: (version: string) => registry.setAlias("churn-classifier", "champion", version),
    /** Promotes and lets everything come to rest. */
    deploy: async (version: string) => {
      await promote(version);
      await run();
      time += 1_000;
    },
    wait: (ms: number) => {
      time += ms;
    },
    /** Endings by version, oldest first. */
    endings: (): readonly Deployment[] => [...store.deployments()].sort((a, b) => a.generation - b.generation),
    target: () => store.targets()[0],
  };
}

export type { WorkerProcess };

function behaviourOf(fate: VersionFate): Behaviour {
  return fate === "build-broken" || fate === "build-service" ? "good" : fate;
}

function buildFate(fate: VersionFate) {
  if (fate === "build-broken") return { seconds: 3, state: brokenBuild("broken") };
  if (fate === "build-service") return { seconds: 3, state: brokenBuild("service") };
  return { seconds: 3 };
}

function brokenBuild(cause: "broken" | "service") {
  const { message } = failed("build-broken", "COPY failed: no such file");
  return { kind: "failed", cause, message, lastLines: ["Step 3/7 : COPY model/ model/", message] } as const;
}
