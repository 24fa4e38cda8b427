import type { Fire } from "./admin.ts";
import { type Environment, expandSettings } from "./app-settings.ts";
import type { HostSettings } from "./host-json.ts";
import type { InFlight } from "./in-flight.ts";
import type { Invoker } from "./invoker.ts";
import type { Log } from "./log.ts";
import { createQueueListener } from "./queue-listener.ts";
import type { QueueTrigger, RegisteredFunction, TimerTrigger } from "./registered-function.ts";
import type { ServiceBusClients } from "./service-bus-clients.ts";
import { type Clock, createTimerListener } from "./timer-listener.ts";
import { compileSchedule, repeatsWithinAMinute } from "./timer-schedule.ts";
import type { TimerStatusStore } from "./timer-status.ts";

/** A source of invocations besides HTTP. */
export interface Listener {
  start(): void;
  readonly fire: Fire;
  drain(): Promise<void>;
  close(): Promise<void>;
}

export interface ListenerDeps {
  readonly environment: Environment;
  readonly settings: HostSettings;
  readonly invoker: Invoker;
  readonly inFlight: InFlight;
  readonly clients: ServiceBusClients;
  readonly timerStatus: TimerStatusStore;
  readonly clock: Clock;
  readonly log: Log;
}

/** One listener for each function that is not called by HTTP, by name; throws when a setting of its trigger is missing or wrong. */
export async function createListeners(
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
