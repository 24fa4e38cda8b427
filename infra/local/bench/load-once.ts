import Module from "node:module";
import { pathToFileURL } from "node:url";

/** Loads the app as a worker does and lets its webhook answer one delivery; prints milliseconds. Imports nothing that the app could need. */

/** What of `@azure/functions` a worker uses. */
interface ProgrammingModel {
  getInvocationModel(context: unknown): {
    getArguments(): Promise<{ context: unknown; inputs: unknown[] }>;
    invokeFunction(context: unknown, inputs: unknown[], callback: unknown): Promise<unknown>;
    getResponse(context: unknown, result: unknown): Promise<{ returnValue?: { http?: { statusCode?: string } } }>;
  };
}
interface Registered {
  metadata: { name: string; bindings: Readonly<Record<string, { direction: string }>> };
  callback: unknown;
}

const NAME = "mlflow-webhook";
const { BENCH_ENTRY = "", BENCH_DELIVERY = "{}" } = process.env;
const delivery: { headers: Record<string, string>; body: string } = JSON.parse(BENCH_DELIVERY);
const registered: Registered[] = [];
let model: ProgrammingModel | undefined;

class Disposable {
  dispose(): void {
    throw new Error("Nothing is disposed of here.");
  }
}
const core = {
  version: "3.0.0",
  hostVersion: "4.0.0",
  Disposable,
  registerFunction: (metadata: Registered["metadata"], callback: unknown) => {
    registered.push({ metadata, callback });
    return new Disposable();
  },
  setProgrammingModel: (next: ProgrammingModel) => {
    model = next;
  },
  log: () => undefined,
};
Module.prototype.require = new Proxy(Module.prototype.require, {
  apply: (target, self, parameters) =>
    parameters[0] === "@azure/functions-core" ? core : Reflect.apply(target, self, parameters),
});

/** One invocation, as the worker makes it of the host's message; the answer's status. */
async function answerOne(): Promise<string | undefined> {
  const found = registered.find(({ metadata }) => metadata.name === NAME);
  if (found === undefined || model === undefined) throw new Error(`${BENCH_ENTRY} registers no ${NAME}.`);
  const { metadata, callback } = found;
  const trigger = Object.keys(metadata.bindings).find((name) => metadata.bindings[name]?.direction === "in");
  const http = {
    method: "POST",
    url: "http://127.0.0.1/api/webhooks/mlflow",
    headers: delivery.headers,
    query: {},
    params: {},
    body: { bytes: Buffer.from(delivery.body) },
  };
  const invocation = model.getInvocationModel({
    invocationId: "1",
    request: {
      invocationId: "1",
      functionId: NAME,
      inputData: [{ name: trigger, data: { http } }],
      triggerMetadata: {},
    },
    metadata,
    log: () => undefined,
  });
  const { context, inputs } = await invocation.getArguments();
  const result = await invocation.invokeFunction(context, inputs, callback);
  return (await invocation.getResponse(context, result)).returnValue?.http?.statusCode;
}

const startedAt = performance.now();
await import(pathToFileURL(BENCH_ENTRY).href);
const status = await answerOne();
const milliseconds = performance.now() - startedAt;
if (String(status) !== "202") throw new Error(`${NAME} answered ${status}, not 202.`);
process.stdout.write(`${milliseconds}\n`);
