import { expect, test } from "vitest";
import { createEventLog } from "../../../infra/local/bench/event-log.ts";

const line = (event: Readonly<Record<string, unknown>>) =>
  JSON.stringify({ level: "information", message: JSON.stringify(event) });
const ended = (version: string) => line({ event: "deployment.ended", version });

test("events are kept with the time of their line, all else is left aside", () => {
  let now = 1;
  const log = createEventLog(() => now);
  log.read(ended("1"));
  now = 2;
  log.read(line({ event: "step.visited", step: "verify", found: "health look 1" }));
  log.read("no JSON");
  log.read(JSON.stringify({ message: "Executing 'verify'" }));
  log.read(line({ event: "webhook.ignored" }));
  expect(log.since(2)).toEqual([{ event: { event: "step.visited", step: "verify", found: "health look 1" }, at: 2 }]);
  expect(log.since(1)).toHaveLength(2);
});

test("who waits for an event gets the first one that is the right one", async () => {
  const log = createEventLog(() => 5);
  const waited = log.next("the ending of version 2", ({ version }) => version === "2", 1_000);
  log.read(ended("1"));
  log.read(ended("2"));
  expect(await waited).toEqual({ event: { event: "deployment.ended", version: "2" }, at: 5 });
});

test("an event that does not come is said by its name", async () => {
  const log = createEventLog();
  await expect(log.next("The ending", () => true, 5)).rejects.toThrow("The ending did not come within 0.005 s");
});
