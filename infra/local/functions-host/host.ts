import { resolve } from "node:path";
import { createAdmin } from "./admin.ts";
import type { Environment } from "./app-settings.ts";
import type { HostSettings } from "./host-json.ts";
import { type BufferedRequest, createHttpFunctions } from "./http-functions.ts";
import { createHttpServer } from "./http-server.ts";
import { createInFlight } from "./in-flight.ts";
import { createInvoker, type Executions } from "./invoker.ts";
import type { Keys } from "./keys.ts";
import { createListeners } from "./listeners.ts";
import { loadApp, readHostSettings } from "./load-app.ts";
import { createLog, type Log, type LogLine } from "./log.ts";
import type { RegisteredFunction } from "./registered-function.ts";
import { createServiceBusClients } from "./service-bus-clients.ts";
import type { Clock } from "./timer-listener.ts";
import { createTimerStatusStore } from "./timer-status.ts";
import { createWorkerCore, type WorkerCore } from "./worker-core.ts";

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
  functions(): readonly Pick<RegisteredFunction, "name" | "trigger">[];
  executions(): Readonly<Record<string, Executions>>;
  /** Takes nothing new, waits for what is in flight, closes everything. */
  stop(): Promise<void>;
}

/** Not the app's, but what the app is started with. */
interface Loaded {
  readonly options: FunctionsHostOptions;
  readonly settings: HostSettings;
  readonly clock: Clock;
  readonly log: Log;
  readonly core: WorkerCore;
  /** What undoes the start, the latest last. */
  readonly undo: (() => Promise<void> | void)[];
}

type Running = Omit<FunctionsHost, "start">;

const systemClock: Clock = {
  now: () => new Date(),
  after(milliseconds, callback) {
    const timer = setTimeout(callback, milliseconds);
    return () => clearTimeout(timer);
  },
};

/** Runs one Functions app around the unmodified `@azure/functions`. The library keeps its state per process: one start of one app in a process. */
export function createFunctionsHost(options: FunctionsHostOptions): FunctionsHost {
  let running: Running | undefined;
  return {
    async start() {
      if (running !== undefined) throw new Error("The Functions host has been started already");
      running = await startHost(options);
    },
    get url() {
      if (running === undefined) throw new Error("The Functions host has not been started");
      return running.url;
    },
    functions: () => running?.functions() ?? [],
    executions: () => running?.executions() ?? {},
    async stop() {
      await running?.stop();
    },
  };
}

async function startHost(options: FunctionsHostOptions): Promise<Running> {
  const { clock = systemClock, sink = () => undefined } = options;
  const settings = readHostSettings(options.appDirectory);
  const log = createLog({ sink, levels: settings.logLevels, now: clock.now });
  const core = createWorkerCore({ log });
  const undo: Loaded["undo"] = [core.install()];
  try {
    logStartup(
      log,
      settings.ignored.length > 0,
      `host.json: ${settings.ignored.join(", ")}: accepted, ignored locally`,
    );
    const appDirectory = resolve(options.appDirectory);
    await loadApp(appDirectory);
    await core.finishStartup(appDirectory);
    if (core.functions().length === 0) {
      throw new Error("The app registered no function (or @azure/functions was loaded before the host)");
    }
    return await listen({ options, settings, clock, log, core, undo });
  } catch (error) {
    await undoAll(undo);
    throw error;
  }
}

async function listen({ options, settings, clock, log, core, undo }: Loaded): Promise<Running> {
  const environment = options.environment ?? process.env;
  const functions = core.functions();
  const inFlight = createInFlight();
  const clients = createServiceBusClients(environment, settings.serviceBus.retry);
  undo.push(() => clients.close());
  const invoker = createInvoker({
    core,
    log,
    timeoutMilliseconds: settings.functionTimeoutMilliseconds,
    onTimeout: options.onTimeout ?? (() => process.exit(1)),
    monotonicNow: () => performance.now(),
  });
  const timerStatus = createTimerStatusStore(options.stateDirectory);
  const deps = { environment, settings, invoker, inFlight, clients, timerStatus, clock, log };
  const listeners = await createListeners(functions, deps);
  const keys: Keys = { functionKeys: options.functionKeys ?? [], masterKey: options.masterKey };
  const answerHttp = createHttpFunctions({ functions, routePrefix: settings.routePrefix, keys, invoker, log });
  const answerAdmin = createAdmin({
    keys,
    functions,
    executions: invoker.executions,
    fire: new Map([...listeners].map(([name, listener]) => [name, listener.fire])),
    startedAt: clock.now(),
    now: clock.now,
    inBackground: (work) => void inFlight.track(work),
  });
  const answer = (request: BufferedRequest) => (isAdmin(request) ? answerAdmin(request) : answerHttp(request));
  const server = createHttpServer({ answer, inFlight, log });
  const url = await server.listen(options.port ?? 0);
  undo.push(() => server.close());
  for (const listener of listeners.values()) {
    undo.push(() => listener.close());
    listener.start();
  }
  undo.push(() => core.terminate());
  logStartup(log, true, `${functions.length} functions, listening on ${url}`);

  return {
    url,
    functions: () => functions.map(({ name, trigger }) => ({ name, trigger })),
    executions: invoker.executions,
    async stop() {
      server.drain();
      for (const listener of listeners.values()) void inFlight.track(listener.drain());
      if (!(await inFlight.drained(options.graceMilliseconds ?? 10_000))) {
        log({ level: "warning", category: "Host.Shutdown", message: "Stopped while invocations were still running" });
      }
      await undoAll(undo);
    },
  };
}

function isAdmin({ url }: BufferedRequest): boolean {
  return /^\/admin(\/|$)/i.test(url.pathname);
}

/** Undoes once: a second call finds nothing to do. */
async function undoAll(undo: Loaded["undo"]): Promise<void> {
  for (let last = undo.pop(); last !== undefined; last = undo.pop()) await last();
}

function logStartup(log: Log, worthSaying: boolean, message: string): void {
  if (worthSaying) log({ level: "information", category: "Host.Startup", message });
}
