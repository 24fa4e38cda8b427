import { resolve } from "node:path";
import { type AdminDeps, createAdmin, type Fire } from "./admin.ts";
import { type Environment, expandSettings } from "./app-settings.ts";
import type { HostSettings } from "./host-json.ts";
import { type BufferedRequest, createHttpFunctions } from "./http-functions.ts";
import { createHttpServer } from "./http-server.ts";
import { createInFlight } from "./in-flight.ts";
import { createInvoker, type Executions, type Invoker } from "./invoker.ts";
import type { Keys } from "./keys.ts";
import { loadApp, readHostSettings } from "./load-app.ts";
import { createLog, type Log, type LogLine } from "./log.ts";
import { createQueueListener } from "./queue-listener.ts";
import type { QueueTrigger, RegisteredFunction, TimerTrigger } from "./registered-function.ts";
import { createServiceBusClients, type ServiceBusClients } from "./service-bus-clients.ts";
import { type Clock, createTimerListener } from "./timer-listener.ts";
import { compileSchedule, repeatsWithinAMinute } from "./timer-schedule.ts";
import { createTimerStatusStore, type TimerStatusStore } from "./timer-status.ts";
import { createWorkerCore } from "./worker-core.ts";

export interface FunctionsHostOptions {
  /** Holds package.json with `main`, and host.json. */
  readonly appDirectory: string;
  /** Settings that triggers name; the app itself reads the process's. Default: `process.env`. */
  readonly environment?: Environment;
  /** Default: 0, any free port of 127.0.0.1. */
  readonly port?: number;
  /** Open HTTP functions of level `function`; without any key they are open. */
  readonly functionKeys?: readonly string[];
  /** Opens everything; without it the level `admin` and `/admin` are open. */
  readonly masterKey?: string;
  /** Gets every line of the log that host.json lets through. Default: none. */
  readonly sink?: (line: LogLine) => void;
  /** Called when an invocation outlives `functionTimeout`. Default: the process ends with exit code 1, as Azure restarts its worker. */
  readonly onTimeout?: (functionName: string, invocationId: string) => void;
  /** Where timers with `useMonitor` keep their status over restarts. Default: in memory. */
  readonly stateDirectory?: string;
  /** How long `stop` waits for what is in flight. Default: 10 s. */
  readonly graceMilliseconds?: number;
  readonly clock?: Clock;
}

export interface FunctionsHost {
  /** Loads the app and listens; throws what the app threw while loading, and on everything this host cannot run. */
  start(): Promise<void>;
  /** The base address; throws before the start. */
  readonly url: string;
  functions(): readonly { readonly name: string; readonly trigger: RegisteredFunction["trigger"] }[];
  executions(): Readonly<Record<string, Executions>>;
  /** Takes nothing new, waits for what is in flight, closes everything. */
  stop(): Promise<void>;
}

/** A source of invocations besides HTTP. */
interface Listener {
  start(): void;
  readonly fire: Fire;
  drain(): Promise<void>;
  close(): Promise<void>;
}

interface ListenerDeps {
  readonly environment: Environment;
  readonly settings: HostSettings;
  readonly invoker: Invoker;
  readonly inFlight: ReturnType<typeof createInFlight>;
  readonly clients: ServiceBusClients;
  readonly timerStatus: TimerStatusStore;
  readonly clock: Clock;
  readonly log: Log;
}

const systemClock: Clock = {
  now: () => new Date(),
  after(milliseconds, callback) {
    const timer = setTimeout(callback, milliseconds);
    return () => clearTimeout(timer);
  },
};

/** Runs one Functions app around the unmodified `@azure/functions`. The library keeps its state per process: one start of one app in a process. */
export function createFunctionsHost(options: FunctionsHostOptions): FunctionsHost {
  const clock = options.clock ?? systemClock;
  let running: Awaited<ReturnType<typeof startHost>> | undefined;

  return {
    async start() {
      if (running !== undefined) throw new Error("The Functions host has been started already");
      running = await startHost({ ...options, clock });
    },
    get url() {
      if (running === undefined) throw new Error("The Functions host has not been started");
      return running.url;
    },
    functions: () => running?.functions ?? [],
    executions: () => running?.executions() ?? {},
    async stop() {
      await running?.stop();
    },
  };
}

async function startHost(options: FunctionsHostOptions & { clock: Clock }) {
  const appDirectory = resolve(options.appDirectory);
  const environment = options.environment ?? process.env;
  const keys: Keys = { functionKeys: options.functionKeys ?? [], masterKey: options.masterKey };
  const { clock } = options;
  const settings = readHostSettings(appDirectory);
  const log = createLog({ sink: options.sink ?? (() => undefined), levels: settings.logLevels, now: clock.now });
  logIgnored(settings, log);

  const core = createWorkerCore({ log });
  const uninstall = core.install();
  const inFlight = createInFlight();
  const clients = createServiceBusClients(environment, settings.serviceBus.retry);
  const undo: (() => Promise<void> | void)[] = [uninstall, () => clients.close()];

  try {
    await loadApp(appDirectory);
    await core.finishStartup(appDirectory);
    const functions = core.functions();
    if (functions.length === 0)
      throw new Error("The app registered no function (or @azure/functions was loaded before the host)");
    const invoker = createInvoker({
      core,
      log,
      timeoutMilliseconds: settings.functionTimeoutMilliseconds,
      onTimeout: options.onTimeout ?? (() => process.exit(1)),
      monotonicNow: () => performance.now(),
    });
    const timerStatus = createTimerStatusStore(options.stateDirectory);
    const listenerDeps = { environment, settings, invoker, inFlight, clients, timerStatus, clock, log };
    const listeners = await createListeners(functions, listenerDeps);
    const { routePrefix } = settings;
    const answer = createAnswer({
      http: createHttpFunctions({ functions, routePrefix, keys, invoker, log }),
      admin: {
        keys,
        functions,
        executions: invoker.executions,
        fire: new Map([...listeners].map(([name, listener]) => [name, listener.fire])),
        startedAt: clock.now(),
        now: clock.now,
        inBackground: (work) => void inFlight.track(work),
      },
    });
    const server = createHttpServer({ answer, inFlight, log });
    const url = await server.listen(options.port ?? 0);
    undo.push(() => server.close());
    for (const listener of listeners.values()) listener.start();
    log({
      level: "information",
      category: "Host.Startup",
      message: `${functions.length} functions, listening on ${url}`,
    });

    return {
      url,
      functions: functions.map(({ name, trigger }) => ({ name, trigger })),
      executions: invoker.executions,
      async stop() {
        server.drain();
        for (const listener of listeners.values()) void inFlight.track(listener.drain());
        if (!(await inFlight.drained(options.graceMilliseconds ?? 10_000))) {
          log({ level: "warning", category: "Host.Shutdown", message: "Stopped while invocations were still running" });
        }
        await core.terminate();
        await Promise.all([...listeners.values()].map((listener) => listener.close()));
        await undoAll(undo);
      },
    };
  } catch (error) {
    await undoAll(undo);
    throw error;
  }
}

async function undoAll(undo: readonly (() => Promise<void> | void)[]): Promise<void> {
  for (const one of undo.toReversed()) await one();
}

function logIgnored({ ignored }: HostSettings, log: Log): void {
  if (ignored.length === 0) return;
  log({
    level: "information",
    category: "Host.Startup",
    message: `host.json: ${ignored.join(", ")}: accepted, ignored locally`,
  });
}

function createAnswer(deps: { http: ReturnType<typeof createHttpFunctions>; admin: AdminDeps }) {
  const admin = createAdmin(deps.admin);
  return (request: BufferedRequest) =>
    /^\/admin(\/|$)/i.test(request.url.pathname) ? admin(request) : deps.http(request);
}

async function createListeners(
  functions: readonly RegisteredFunction[],
  deps: ListenerDeps,
): Promise<ReadonlyMap<string, Listener>> {
  const listeners = new Map<string, Listener>();
  for (const target of functions) {
    const { trigger } = target;
    if (trigger.kind === "timer") listeners.set(target.name, timerListener(target, trigger, deps));
    if (trigger.kind === "serviceBusQueue") listeners.set(target.name, await queueListener(target, trigger, deps));
  }
  return listeners;
}

async function queueListener(target: RegisteredFunction, trigger: QueueTrigger, deps: ListenerDeps): Promise<Listener> {
  const { maxConcurrentCalls, maxAutoLockRenewalMilliseconds, autoCompleteMessages } = deps.settings.serviceBus;
  return createQueueListener({
    name: target.name,
    queueName: expandSettings(trigger.queueName, deps.environment),
    client: await deps.clients.get(expandSettings(trigger.connection, deps.environment)),
    maxConcurrentCalls,
    maxAutoLockRenewalMilliseconds,
    autoComplete: trigger.autoCompleteMessages ?? autoCompleteMessages,
    run: (input, reason) => deps.invoker.run(target, input, reason),
    inFlight: deps.inFlight,
    log: deps.log,
  });
}

function timerListener(target: RegisteredFunction, trigger: TimerTrigger, deps: ListenerDeps): Listener {
  const expression = expandSettings(trigger.schedule, deps.environment);
  const schedule = compileSchedule(expression);
  // As in Azure, a schedule of less than a minute is not monitored.
  const monitored = trigger.useMonitor && !repeatsWithinAMinute(schedule, deps.clock.now());
  const timer = createTimerListener({
    name: target.name,
    expression,
    schedule,
    runOnStartup: trigger.runOnStartup,
    store: monitored ? deps.timerStatus : undefined,
    clock: deps.clock,
    async run(data, reason) {
      await deps.inFlight.track(deps.invoker.run(target, { data }, reason));
    },
  });
  return { start: timer.start, fire: timer.fire, drain: async () => timer.stop(), close: async () => undefined };
}
