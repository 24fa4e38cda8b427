import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { receiveMany, receiveOne, type StartedBroker, startBroker } from "./start-broker.ts";

let started: StartedBroker;

beforeAll(async () => {
  started = await startBroker({
    ordered: { requiresSession: true },
    states: { requiresSession: true },
    expires: { requiresSession: true, lockDuration: "PT0.3S" },
    refuses: { requiresSession: true },
    plain: {},
  });
});

afterAll(() => started.stop());

function inSession(sessionId: string, ...bodies: string[]) {
  return bodies.map((body) => ({ body, sessionId, messageId: body }));
}

test("session receive: each receiver holds one session and gets its messages in order", async () => {
  const { client, broker } = started;
  await client
    .createSender("ordered")
    .sendMessages([...inSession("A", "A1"), ...inSession("B", "B1"), ...inSession("A", "A2")]);
  const a = await client.acceptSession("ordered", "A");
  expect(a.sessionLockedUntilUtc.getTime() - Date.now()).toBeGreaterThan(50_000);
  await expect(client.acceptSession("ordered", "A")).rejects.toMatchObject({ code: "SessionCannotBeLocked" });
  const b = await client.acceptNextSession("ordered");
  expect(b.sessionId).toBe("B");
  const messages = await receiveMany(a, 2);
  expect(messages.map(({ body, sessionId }) => `${sessionId} ${body}`)).toEqual(["A A1", "A A2"]);
  for (const message of messages) await a.completeMessage(message);
  await b.completeMessage(await receiveOne(b));
  expect(broker.inspect("ordered")).toMatchObject({ active: 0, locked: 0 });
  await Promise.all([a.close(), b.close()]);
  await expect(client.acceptNextSession("ordered")).rejects.toMatchObject({ code: "ServiceTimeout" });
});

test("session state is kept between receivers", async () => {
  const { client } = started;
  await client.createSender("states").sendMessages(inSession("A", "A1"));
  const first = await client.acceptSession("states", "A");
  expect(await first.getSessionState()).toBeNull();
  await first.setSessionState({ step: "build" });
  expect((await first.renewSessionLock()).getTime()).toBeGreaterThan(Date.now());
  await first.close();
  const second = await client.acceptNextSession("states");
  expect(await second.getSessionState()).toEqual({ step: "build" });
  await second.close();
});

test("closing a session gives back what was received in it, uncounted", async () => {
  const { client } = started;
  await client.createSender("ordered").sendMessages(inSession("C", "C1"));
  const first = await client.acceptSession("ordered", "C");
  await receiveOne(first);
  await first.close();
  const second = await client.acceptSession("ordered", "C");
  expect((await receiveOne(second)).deliveryCount).toBe(0);
  await second.close();
});

test("session lock lost: settling fails, and the next holder gets the message, counted", async () => {
  const { client, broker } = started;
  await client.createSender("expires").sendMessages(inSession("A", "A1"));
  const first = await client.acceptSession("expires", "A", { maxAutoLockRenewalDurationInMs: 0 });
  const message = await receiveOne(first);
  await vi.waitFor(() => expect(broker.inspect("expires").active).toBe(1), { timeout: 2000 });
  await expect(first.completeMessage(message)).rejects.toMatchObject({ code: "SessionLockLost" });
  const second = await client.acceptSession("expires", "A");
  const again = await receiveOne(second);
  expect(again.deliveryCount).toBe(1);
  await second.completeMessage(again);
  await Promise.all([first.close(), second.close()]);
});

test("a message without a session is refused, its neighbours of the same moment are not", async () => {
  const { client, broker } = started;
  const sender = client.createSender("refuses");
  await sender.sendMessages(inSession("A", "A0"));
  const results = await Promise.allSettled([
    sender.sendMessages(inSession("A", "A1")),
    sender.sendMessages({ body: "none", messageId: "none" }),
    sender.sendMessages(inSession("A", "A2")),
  ]);
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(broker.inspect("refuses").active).toBe(3);
});

test("a receiver must fit its queue: with a session where there are sessions, without where there are none", async () => {
  const { client } = started;
  const plain = client.createReceiver("ordered").receiveMessages(1, { maxWaitTimeInMs: 500 });
  await expect(plain).rejects.toThrow(/received from by session/);
  await expect(client.acceptSession("plain", "A")).rejects.toThrow(/Failed to create a receiver/);
});
