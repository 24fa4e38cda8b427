import { ServiceBusClient, type ServiceBusMessage, type ServiceBusSender } from "@azure/service-bus";
import { expect, onTestFinished, test } from "vitest";
import { createServiceBusBroker, type ServiceBusBroker } from "../../../infra/local/service-bus/broker.ts";
import { eventually, type HostProcess, startHostProcess, writeApp } from "./host-process.ts";

const SHARED = { version: "2.0", extensions: { serviceBus: { maxConcurrentCalls: 4 } } };

/** Writes what a handler sees as one JSON line of the log; the handler's own code may then throw, or wait. */
function jobsApp(then = ""): string {
  return `app.serviceBusQueue("worker", { connection: "BUS", queueName: "%QUEUE%", async handler(body, context) {
    context.log(JSON.stringify({ body, metadata: context.triggerMetadata, trace: context.traceContext.traceParent }));
    ${then}
  } });`;
}

interface Seen {
  readonly body: unknown;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly trace: string;
}

interface Setup {
  readonly broker: ServiceBusBroker;
  readonly host: HostProcess;
  readonly sender: ServiceBusSender;
  seen(): Seen[];
  executions(): Promise<unknown>;
}

async function setUp(code: string, { lockDuration = "PT1M", hostJson = SHARED as unknown } = {}): Promise<Setup> {
  const broker = createServiceBusBroker({
    queues: { jobs: { lockDuration, maxDeliveryCount: 3 } },
    sharedAccessKey: "key",
  });
  await broker.listen();
  onTestFinished(() => broker.close());
  const host = await startHostProcess({
    appDirectory: writeApp(code, hostJson),
    environment: { BUS: broker.connectionString, QUEUE: "jobs" },
  });
  return {
    broker,
    host,
    sender: connectSender(broker),
    seen: () =>
      host.lines
        .filter(({ category }) => category === "Function.worker.User")
        .map(({ message }) => JSON.parse(message)),
    executions: async () => {
      const counts = await (await fetch(`${host.url}/admin/local/executions`)).json();
      return counts !== null && typeof counts === "object" && "worker" in counts ? counts.worker : undefined;
    },
  };
}

function connectSender(broker: ServiceBusBroker): ServiceBusSender {
  const client = new ServiceBusClient(broker.connectionString);
  onTestFinished(() => client.close());
  return client.createSender("jobs");
}

const EMPTY = { active: 0, locked: 0, scheduled: 0, deadLetter: 0 };

test("a message runs the function with its body and its metadata, and is completed", async () => {
  const { broker, sender, seen, executions } = await setUp(jobsApp());
  const message: ServiceBusMessage = {
    body: { deployment: "a", step: 1 },
    messageId: "a/1",
    correlationId: "c",
    contentType: "application/json",
    subject: "s",
    applicationProperties: { attempt: 2, "Diagnostic-Id": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" },
  };
  await sender.sendMessages(message);
  await eventually(() => broker.inspect("jobs")).toMatchObject(EMPTY);
  await eventually(() => executions()).toEqual({ started: 1, succeeded: 1, failed: 0 });
  const [{ body, metadata, trace } = { body: "", metadata: {}, trace: "" }] = seen();
  expect(body).toEqual({ deployment: "a", step: 1 });
  expect(metadata).toMatchObject({
    messageId: "a/1",
    correlationId: "c",
    contentType: "application/json",
    subject: "s",
    label: "s",
    deliveryCount: 1,
    sequenceNumber: 1,
    lockToken: expect.stringMatching(/^[0-9a-f-]{36}$/),
    enqueuedTimeUtc: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    expiresAtUtc: expect.stringMatching(/^[+]?\d{4,6}-\d\d-\d\dT/),
    applicationProperties: { attempt: 2, "diagnostic-Id": expect.any(String) },
    userProperties: { attempt: 2 },
  });
  expect(trace).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-/);
});

test("a function that throws gives its message back at once, until the queue sets it aside", async () => {
  const { broker, sender, seen, executions } = await setUp(jobsApp('throw new Error("no");'));
  await sender.sendMessages({ body: "text" });
  await eventually(() => broker.inspect("jobs").deadLetter).toBe(1);
  expect(seen().map(({ body, metadata }) => [body, metadata["deliveryCount"]])).toEqual([
    ["text", 1],
    ["text", 2],
    ["text", 3],
  ]);
  expect(await executions()).toEqual({ started: 3, succeeded: 0, failed: 3 });
});

test("messages that fail beside messages that succeed are not lost", async () => {
  const { broker, sender, executions } = await setUp(jobsApp('if (body.fail) throw new Error("no");'));
  const bodies = Array.from({ length: 40 }, (_, index) => ({ body: { fail: index % 2 === 0 } }));
  await sender.sendMessages(bodies);
  await eventually(() => broker.inspect("jobs")).toMatchObject({ ...EMPTY, deadLetter: 20 });
  expect(await executions()).toEqual({ started: 80, succeeded: 20, failed: 60 });
});

test("no more messages run at once than maxConcurrentCalls", async () => {
  const count = "globalThis.now = (globalThis.now ?? 0) + 1; context.warn(String(globalThis.now));";
  const wait = "await new Promise((resolve) => setImmediate(resolve)); globalThis.now -= 1;";
  const hostJson = { version: "2.0", extensions: { serviceBus: { maxConcurrentCalls: 3 } } };
  const { broker, sender, host } = await setUp(jobsApp(count + wait), { hostJson });
  await sender.sendMessages(Array.from({ length: 60 }, (_, body) => ({ body })));
  await eventually(() => broker.inspect("jobs")).toMatchObject(EMPTY);
  const atOnce = host.lines.filter(({ level }) => level === "warning").map(({ message }) => Number(message));
  expect(atOnce).toHaveLength(60);
  expect(Math.max(...atOnce)).toBeLessThanOrEqual(3);
});

test("a stop waits for the message under way and completes it", async () => {
  const wait = 'await new Promise((resolve) => process.on("SIGUSR2", resolve));';
  const { broker, sender, host, seen } = await setUp(jobsApp(wait));
  await sender.sendMessages({ body: "slow" });
  await eventually(() => seen().length).toBe(1);
  void host.stop("SIGTERM");
  await eventually(() =>
    fetch(host.url)
      .then(({ status }) => status)
      .catch(() => "refused"),
  ).toBe("refused");
  expect(await host.stop("SIGUSR2")).toBe(0);
  expect(broker.inspect("jobs")).toMatchObject(EMPTY);
});

test("the lock of a message is renewed while its function runs", async () => {
  const wait = 'await new Promise((resolve) => process.on("SIGUSR2", resolve));';
  const { broker, sender, host, seen } = await setUp(jobsApp(wait), { lockDuration: "PT1S" });
  await sender.sendMessages({ body: "long" });
  await eventually(() => seen().length).toBe(1);
  await eventually(() => broker.operations().renewed).toBeGreaterThan(1);
  void host.stop("SIGUSR2");
  await eventually(() => broker.inspect("jobs")).toMatchObject(EMPTY);
  expect(seen()).toHaveLength(1);
});

test("a host whose connection is cut receives again", async () => {
  const { broker, sender, host, executions } = await setUp(jobsApp());
  await sender.sendMessages({ body: 1 });
  await eventually(() => executions()).toEqual({ started: 1, succeeded: 1, failed: 0 });
  broker.cutConnections();
  await connectSender(broker).sendMessages({ body: 2 });
  await eventually(() => executions()).toEqual({ started: 2, succeeded: 2, failed: 0 });
  expect(await host.stop()).toBe(0);
});

test("a function that is not to complete its messages leaves them locked", async () => {
  const code = jobsApp().replace('queueName: "%QUEUE%"', 'queueName: "%QUEUE%", autoCompleteMessages: false');
  const { broker, sender, executions } = await setUp(code);
  await sender.sendMessages({ body: "kept" });
  await eventually(() => executions()).toEqual({ started: 1, succeeded: 1, failed: 0 });
  expect(broker.inspect("jobs")).toMatchObject({ ...EMPTY, locked: 1 });
});

test("a body that is not UTF-8 fails, as the extension cannot make a string of it", async () => {
  const { broker, sender, executions, host } = await setUp(jobsApp());
  await sender.sendMessages({ body: Buffer.from([0xff, 0xfe, 0x00]) });
  await eventually(() => broker.inspect("jobs").deadLetter).toBe(1);
  expect(await executions()).toEqual({ started: 0, succeeded: 0, failed: 0 });
  expect(host.lines.some(({ level }) => level === "error")).toBe(true);
});

test("the admin endpoint fires a queue function with a text that no queue holds", async () => {
  const { host, seen, executions } = await setUp(jobsApp());
  const body = JSON.stringify({ input: '{"by":"hand"}' });
  expect((await fetch(`${host.url}/admin/functions/worker`, { method: "POST", body })).status).toBe(202);
  await eventually(() => executions()).toEqual({ started: 1, succeeded: 1, failed: 0 });
  expect(seen()[0]).toMatchObject({ body: { by: "hand" }, metadata: { deliveryCount: 1 } });
});
