import { ServiceBusClient } from "@azure/service-bus";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { DEMO_POLICY } from "../../infra/local/demo/run-demo.ts";
import { NAMESPACE } from "../../infra/local/demo/scene.ts";
import { type Stack, startStack } from "../../infra/local/stack/stack.ts";
import { buildAppAside } from "./built-app.ts";

let stack: Stack;
/** In reverse order, also when the beginning failed. */
const undo: (() => unknown)[] = [];

beforeAll(async () => {
  const app = await buildAppAside();
  undo.push(app.remove);
  stack = await startStack({ policyFile: DEMO_POLICY, namespace: NAMESPACE, appDirectory: app.directory });
  undo.push(() => stack.close());
}, 30_000);

afterAll(async () => {
  for (const step of undo.reverse()) await step();
}, 30_000);

const list = z.object({
  count: z.number(),
  groups: z.array(
    z.object({
      cause: z.string(),
      letters: z.array(
        z.object({
          place: z.string(),
          queue: z.string(),
          sequenceNumber: z.string(),
          wouldDo: z.object({ code: z.string(), text: z.string() }),
        }),
      ),
    }),
  ),
});

async function ask(path: string, body?: object): Promise<{ status: number; answer: unknown }> {
  const response = await fetch(`${stack.appUrl()}/api/${path}`, {
    headers: { "x-functions-key": stack.functionKey },
    ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(15_000),
  });
  return { status: response.status, answer: await response.json() };
}

const listed = async () => list.parse((await ask("dead-letters")).answer);

test("what a queue's function cannot read is set aside, listed with its cause, and discarded by a person", async () => {
  const client = new ServiceBusClient(z.string().parse(stack.environment["ServiceBusConnection"]));
  const sender = client.createSender("validate");
  await sender.sendMessages({ messageId: "nobody's", body: { hello: 1 } });
  await client.close();
  await expect.poll(async () => (await listed()).count, { timeout: 10_000 }).toBe(1);
  const [group] = (await listed()).groups;
  expect(group).toMatchObject({
    cause: "unreadable",
    letters: [{ place: "poison", queue: "validate", wouldDo: { code: "unreadable" } }],
  });
  const { wouldDo: _wouldDo, ...one } = group?.letters[0] ?? { wouldDo: undefined };
  expect(await ask("dead-letters/replay", { ...one, by: "Ada" })).toMatchObject({ status: 409 });
  expect(await ask("dead-letters/discard", { ...one, by: "Ada" })).toMatchObject({ status: 200 });
  expect(await ask("dead-letters/discard", { ...one, by: "Ada" })).toMatchObject({ status: 404 });
  expect(await listed()).toEqual({ count: 0, groups: [] });
});

test("a letter that can be read goes through its function again", async () => {
  const client = new ServiceBusClient(z.string().parse(stack.environment["ServiceBusConnection"]));
  const body = { target: "churn", generation: 7, sequence: 3, attempt: 70 };
  const poison = { queue: "validate", messageId: "churn.7/3/retry-70", reason: "tried-too-long: no.", body };
  await client.createSender("poison").sendMessages({ messageId: "churn.7/3/poison", body: poison });
  await client.close();
  expect(await listed()).toMatchObject({
    groups: [{ cause: "tried-too-long", letters: [{ wouldDo: { code: "nothing" } }] }],
  });
  const replayed = await ask("dead-letters/replay", { all: true, by: "Ada" });
  expect(replayed).toMatchObject({ status: 200, answer: { replayed: 1, more: false } });
  const { bus } = stack.standIns;
  await expect.poll(() => bus.inspect("validate")).toMatchObject({ active: 0, locked: 0, deadLetter: 0 });
  expect(bus.inspect("poison")).toMatchObject({ active: 0, locked: 0, deadLetter: 0 });
});

test("nobody asks without a function key", async () => {
  for (const path of ["dead-letters", "dead-letters/replay", "dead-letters/discard"]) {
    const init = path === "dead-letters" ? {} : { method: "POST", body: "{}" };
    expect((await fetch(`${stack.appUrl()}/api/${path}`, init)).status).toBe(401);
  }
});
