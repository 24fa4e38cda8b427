import { randomUUID } from "node:crypto";
import type { Log } from "./log.ts";
import type { RegisteredFunction } from "./registered-function.ts";
import type { InvocationInput } from "./rpc.ts";
import type { WorkerCore } from "./worker-core.ts";

/** Counts since the start of the host; what runs now is `started - succeeded - failed`. */
export interface Executions {
  readonly started: number;
  readonly succeeded: number;
  readonly failed: number;
}

export type Outcome = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: unknown };

export interface Invoker {
  /** Runs a function once, counts and logs it; never throws: what the function threw is in the outcome. */
  run(target: RegisteredFunction, input: InvocationInput, reason: string): Promise<Outcome>;
  /** One entry for each function, also for those that never ran. */
  executions(): Readonly<Record<string, Executions>>;
}

export interface InvokerDeps {
  readonly core: WorkerCore;
  readonly log: Log;
  /** Undefined: no limit. */
  readonly timeoutMilliseconds: number | undefined;
  /** Called once an invocation has run longer than that; it is not waited for. */
  readonly onTimeout: (functionName: string, invocationId: string) => void;
  /** Milliseconds that only ever grow. */
  readonly monotonicNow: () => number;
}

export function createInvoker(deps: InvokerDeps): Invoker {
  const counts = new Map<string, { started: number; succeeded: number; failed: number }>();

  function countsOf(name: string) {
    const found = counts.get(name) ?? { started: 0, succeeded: 0, failed: 0 };
    counts.set(name, found);
    return found;
  }

  async function attempt(target: RegisteredFunction, invocationId: string, input: InvocationInput): Promise<Outcome> {
    try {
      return { ok: true, value: await deps.core.invoke(target, invocationId, input) };
    } catch (error) {
      return { ok: false, error };
    }
  }

  return {
    async run(target, input, reason) {
      const invocationId = randomUUID();
      const { name } = target;
      const about = { category: `Function.${name}`, functionName: name, invocationId };
      const count = countsOf(name);
      count.started += 1;
      deps.log({
        ...about,
        level: "information",
        message: `Executing '${name}' (Reason='${reason}', Id=${invocationId})`,
      });
      const from = deps.monotonicNow();
      const stopWatching = watch(deps, name, invocationId);
      const outcome = await attempt(target, invocationId, input);
      stopWatching();
      count[outcome.ok ? "succeeded" : "failed"] += 1;
      const took = `Id=${invocationId}, Duration=${Math.round(deps.monotonicNow() - from)}ms`;
      deps.log(
        outcome.ok
          ? { ...about, level: "information", message: `Executed '${name}' (Succeeded, ${took})` }
          : {
              ...about,
              level: "error",
              message: `Executed '${name}' (Failed, ${took}): ${describeError(outcome.error)}`,
            },
      );
      return outcome;
    },

    executions: () => Object.fromEntries(deps.core.functions().map(({ name }) => [name, { ...countsOf(name) }])),
  };
}

function watch(deps: InvokerDeps, functionName: string, invocationId: string): () => void {
  if (deps.timeoutMilliseconds === undefined) return () => undefined;
  const timer = setTimeout(() => {
    const message =
      `Timeout value of ${deps.timeoutMilliseconds} ms exceeded by function '${functionName}' (Id: '${invocationId}'). ` +
      "As in Azure the worker ends, and with it every other invocation in flight.";
    deps.log({ level: "critical", category: "Host.Timeout", message, functionName, invocationId });
    deps.onTimeout(functionName, invocationId);
  }, deps.timeoutMilliseconds);
  return () => clearTimeout(timer);
}

/** The stack of an Error, else whatever was thrown as text. */
export function describeError(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
