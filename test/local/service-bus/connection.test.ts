import { fork } from "node:child_process";
import { once } from "node:events";
import { createConnection } from "node:net";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createServiceBusBroker } from "../../../infra/local/service-bus/broker.ts";
import { connect, receiveOne, type StartedBroker, startBroker } from "./start-broker.ts";

let started: StartedBroker;

beforeEach(async () => {
  started = await startBroker({
    q: { lockDuration: "PT1S" },
    sessions: { requiresSession: true, lockDuration: "PT1S" },
  });
});

afterEach(() => started.stop());

test("after a cut connection the same client sends and receives again", async () => {
  const { broker } = started;
  const client = connect(broker.connectionString, { maxRetries: 3, retryDelayInMs: 50, timeoutInMs: 1000 });
  const [sender, receiver] = [client.createSender("q"), client.createReceiver("q")];
  await sender.sendMessages({ body: "before", messageId: "1" });
  await receiver.completeMessage(await receiveOne(receiver));
  broker.cutConnections();
  await sender.sendMessages({ body: "after", messageId: "2" });
  const message = await receiveOne(receiver);
  expect(message.body).toBe("after");
  await receiver.completeMessage(message);
  expect(broker.inspect("q")).toMatchObject({ active: 0, locked: 0 });
  await client.close();
});

test("what a killed process had locked stays locked until its lock expires, then comes again, counted", async () => {
  const { broker, client } = started;
  await client.createSender("q").sendMessages({ body: 1, messageId: "1" });
  const child = fork(fileURLToPath(new URL("lock-one.ts", import.meta.url)), [broker.connectionString, "q"]);
  await once(child, "message");
  const killedAt = Date.now();
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(broker.inspect("q")).toMatchObject({ active: 0, locked: 1 });
  const receiver = client.createReceiver("q");
  const message = await receiveOne(receiver);
  expect(message.deliveryCount).toBe(1);
  expect(Date.now() - killedAt).toBeGreaterThan(500);
  await receiver.completeMessage(message);
});

test("a session stays locked as well when its connection goes away", async () => {
  const { broker, client } = started;
  await client.createSender("sessions").sendMessages({ body: 1, messageId: "1", sessionId: "A" });
  const lost = connect(broker.connectionString);
  const session = await lost.acceptSession("sessions", "A", { maxAutoLockRenewalDurationInMs: 0 });
  await receiveOne(session);
  broker.cutConnections();
  const other = connect(broker.connectionString);
  await expect(other.acceptSession("sessions", "A")).rejects.toMatchObject({ code: "SessionCannotBeLocked" });
  await vi.waitFor(() => expect(broker.inspect("sessions").active).toBe(1), { timeout: 2000 });
  const again = await other.acceptSession("sessions", "A");
  expect((await receiveOne(again)).deliveryCount).toBe(1);
  await Promise.all([other.close(), lost.close()]);
});

test("a broker comes back on the port it is told, and a closed one leaves nothing", async () => {
  const broker = createServiceBusBroker({ queues: { q: {} }, sharedAccessKey: "c2VjcmV0" });
  expect(() => broker.connectionString).toThrow("does not listen");
  await broker.listen();
  const { connectionString } = broker;
  const port = Number(/:(\d+);/.exec(connectionString)?.[1]);
  const before = process.getActiveResourcesInfo().length;
  const silent = createConnection(port, "127.0.0.1");
  await once(silent, "connect");
  const client = connect(connectionString);
  await client.createSender("q").sendMessages({ body: 1, messageId: "1" });
  await client.close();
  await Promise.all([broker.close(), once(silent.resume(), "close")]);
  await vi.waitFor(() => expect(process.getActiveResourcesInfo().length).toBeLessThan(before), { timeout: 2000 });
  const again = createServiceBusBroker({ queues: { q: {} }, sharedAccessKey: "c2VjcmV0" });
  await again.listen(port);
  expect(again.connectionString).toBe(connectionString);
  await expect(broker.listen(port)).rejects.toMatchObject({
    code: "EADDRINUSE",
  });
  await broker.close();
  expect(() => again.inspect("nowhere")).toThrow("There is no queue 'nowhere'.");
  await again.close();
});
