import { expect, test } from "vitest";
import { createQueueFunction } from "../../functions/queues.ts";
import { appThat, invocation } from "./calls.ts";

type Call = [queue: string, body: unknown, messageId: string];

function consuming() {
  const calls: Call[] = [];
  const app = appThat({ consume: async (...call) => void calls.push(call) });
  return { calls, validate: createQueueFunction(app, "validate") };
}

test("a message goes to its queue's consumer with its body as it came and its id", async () => {
  const { calls, validate } = consuming();
  const body = { target: "churn", generation: 1, sequence: 2 };
  await validate(body, invocation({ messageId: "churn.1/2" }).context);
  expect(calls).toEqual([["validate", body, "churn.1/2"]]);
});

test("a message without an id is known by its invocation", async () => {
  const { calls, validate } = consuming();
  await validate("not even JSON", invocation().context);
  expect(calls).toEqual([["validate", "not even JSON", "invocation-1"]]);
});

test("it throws what the app throws, so that the host gives the message back", async () => {
  const failure = new Error("not even the bus answers");
  const validate = createQueueFunction(appThat({ consume: () => Promise.reject(failure) }), "validate");
  await expect(validate({}, invocation().context)).rejects.toBe(failure);
});
