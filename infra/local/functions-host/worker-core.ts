import { randomBytes, randomUUID } from "node:crypto";
import Module from "node:module";
import { z } from "zod";
import type { Log, LogLevel } from "./log.ts";
import { type FunctionCallback, fromFunctionMetadata, type RegisteredFunction } from "./registered-function.ts";
import type { InvocationInput, TypedData } from "./rpc.ts";

/** What the library `@azure/functions` hands to its worker. */
interface ProgrammingModel {
  getCapabilities?(capabilities: Record<string, string>): Promise<Record<string, string>>;
  getInvocationModel(context: CoreInvocationContext): InvocationModel | Promise<InvocationModel>;
}

interface InvocationModel {
  getArguments(): Promise<{ context: unknown; inputs: unknown[] }>;
  invokeFunction(context: unknown, inputs: unknown[], callback: FunctionCallback): Promise<unknown>;
  getResponse(context: unknown, result: unknown): Promise<unknown>;
}

interface CoreInvocationContext {
  readonly invocationId: string;
  readonly request: {
    readonly invocationId: string;
    readonly functionId: string;
    readonly inputData: readonly { name: string; data: TypedData }[];
    readonly triggerMetadata: Readonly<Record<string, TypedData>>;
    readonly traceContext: { readonly traceParent: string };
  };
  readonly metadata: { readonly name: string; readonly bindings: RegisteredFunction["bindings"] };
  state: "preInvocationHooks" | "invocation" | "postInvocationHooks" | undefined;
  log(level: LogLevel, category: string, message: string): void;
}

type HookCallback = (context: unknown) => unknown;
const HOOKS = ["appStart", "appTerminate", "preInvocation", "postInvocation"] as const;
type HookName = (typeof HOOKS)[number];

/** The worker's side of `@azure/functions-core`: the only seam between the unmodified library and this host. */
export interface WorkerCore {
  /** Answers `require("@azure/functions-core")` from now on; must come before the app's first import. Returns the undoing. */
  install(): () => void;
  /** Locks registration and runs the app's appStart hooks; throws when the app asks for what this host lacks. */
  finishStartup(appDirectory: string): Promise<void>;
  functions(): readonly RegisteredFunction[];
  /** Runs one invocation with its hooks and returns what the function returned, as RPC data; throws what the function threw. */
  invoke(target: RegisteredFunction, invocationId: string, input: InvocationInput): Promise<unknown>;
  /** Runs the app's appTerminate hooks. */
  terminate(): Promise<void>;
}

const invocationResponse = z.object({ returnValue: z.unknown() });

class Disposable {
  readonly #callback: () => void;
  constructor(callback: () => void) {
    this.#callback = callback;
  }
  dispose(): void {
    this.#callback();
  }
  static from(...all: Disposable[]): Disposable {
    return new Disposable(() => {
      for (const one of all) one.dispose();
    });
  }
}

export function createWorkerCore(deps: { log: Log }): WorkerCore {
  const functions = new Map<string, RegisteredFunction>();
  const hooks = new Map<HookName, HookCallback[]>(HOOKS.map((name) => [name, []]));
  const appHookData = {};
  const appOnlyHookData = {};
  let model: ProgrammingModel | undefined;
  let started = false;

  function registerFunction(metadata: unknown, callback: FunctionCallback): Disposable {
    if (started) throw new Error("A function can only be registered during app startup.");
    const registered = fromFunctionMetadata(metadata, callback);
    if (functions.has(registered.name))
      throw new Error(`A function with name "${registered.name}" has already been registered.`);
    functions.set(registered.name, registered);
    return new Disposable(() => functions.delete(registered.name));
  }

  function registerHook(name: string, callback: HookCallback): Disposable {
    const list = hooks.get(HOOKS.find((known) => known === name) ?? unknownHook(name)) ?? [];
    list.push(callback);
    return new Disposable(() => list.splice(list.indexOf(callback), 1));
  }

  async function runHooks(name: HookName, context: unknown): Promise<void> {
    for (const hook of hooks.get(name) ?? []) await hook(context);
  }

  const api = {
    version: "3.99.0-local",
    hostVersion: "4.99.0-local",
    Disposable,
    registerFunction,
    registerHook,
    setProgrammingModel(next: ProgrammingModel) {
      model = next;
    },
    getProgrammingModel: () => model,
    log: (level: LogLevel, _category: string, message: string) => deps.log({ level, category: "Worker", message }),
  };

  return {
    install() {
      const original = Module.prototype.require;
      Module.prototype.require = new Proxy(original, {
        apply: (target, self, args) => (args[0] === "@azure/functions-core" ? api : Reflect.apply(target, self, args)),
      });
      return () => {
        Module.prototype.require = original;
      };
    },

    async finishStartup(functionAppDirectory) {
      const capabilities = await model?.getCapabilities?.({});
      if (capabilities?.["HttpUri"] !== undefined) {
        throw new Error("app.setup({ enableHttpStream: true }) is not supported by the local Functions host");
      }
      await runHooks("appStart", { hookData: appOnlyHookData, appHookData, functionAppDirectory });
      started = true;
    },

    functions: () => [...functions.values()],

    async invoke(target, invocationId, input) {
      if (model === undefined) throw new Error("The app set no programming model");
      const core = toCoreContext(target, invocationId, input, deps.log);
      const invocation = await model.getInvocationModel(core);
      const { context, inputs } = await invocation.getArguments();
      const shared = { hookData: {}, appHookData, invocationContext: context };
      const before = { ...shared, inputs, functionCallback: target.callback };
      core.state = "preInvocationHooks";
      await runHooks("preInvocation", before);
      const after = { ...shared, inputs: before.inputs, result: undefined as unknown, error: undefined as unknown };
      core.state = "invocation";
      try {
        after.result = await invocation.invokeFunction(context, before.inputs, before.functionCallback);
      } catch (error) {
        after.error = error ?? new Error("The function threw nothing");
      }
      core.state = "postInvocationHooks";
      await runHooks("postInvocation", after);
      core.state = undefined;
      if (after.error !== undefined && after.error !== null) throw after.error;
      return invocationResponse.parse(await invocation.getResponse(context, after.result)).returnValue;
    },

    terminate: () => runHooks("appTerminate", { hookData: appOnlyHookData, appHookData }),
  };
}

/** The error the library expects from a worker that does not know a hook, `log` among them. */
function unknownHook(name: string): never {
  throw Object.assign(new RangeError(`Unrecognized hook "${name}"`), { isAzureFunctionsSystemError: true });
}

function toCoreContext(
  target: RegisteredFunction,
  invocationId: string,
  input: InvocationInput,
  log: Log,
): CoreInvocationContext {
  const { name, bindings } = target;
  return {
    invocationId,
    request: {
      invocationId,
      functionId: name,
      inputData: [{ name: target.triggerName, data: input.data }],
      triggerMetadata: input.triggerMetadata ?? {},
      traceContext: { traceParent: childOf(input.traceParent) },
    },
    metadata: { name, bindings },
    state: undefined,
    log: (level, category, message) =>
      log({
        level,
        category: `Function.${name}${category === "user" ? ".User" : ""}`,
        message,
        functionName: name,
        invocationId,
      }),
  };
}

/** A new span of the caller's trace, or of a new trace (https://www.w3.org/TR/trace-context/). */
function childOf(traceParent: string | undefined): string {
  const [, traceId, flags] = /^00-([0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2})$/.exec(traceParent ?? "") ?? [];
  return `00-${traceId ?? randomUUID().replaceAll("-", "")}-${randomBytes(8).toString("hex")}-${flags ?? "00"}`;
}
