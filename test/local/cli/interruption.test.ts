import { EventEmitter } from "node:events";
import { expect, test } from "vitest";
import { listenForInterruption } from "../../../infra/local/cli/interruption.ts";

/** A process that is told what happens, and a clock that is set. */
function setUp() {
  const process = Object.assign(new EventEmitter(), {
    ppid: 7,
    exits: [] as number[],
    exit: (code: number) => void process.exits.push(code),
  });
  const clock = { now: 0, look: (): void => expect.fail("nobody looks") };
  const signal = listenForInterruption(
    process,
    () => clock.now,
    (_milliseconds, call) => {
      clock.look = call;
    },
  );
  return { process, clock, signal };
}

test.each(["SIGINT", "SIGTERM"])("%s aborts, and the same once more does not end the process", (name) => {
  const { process, clock, signal } = setUp();
  expect(signal.aborted).toBe(false);
  process.emit(name);
  expect(signal.aborted).toBe(true);
  clock.now = 900;
  process.emit(name);
  expect(process.exits).toEqual([]);
});

test("who interrupts again ends the process at once", () => {
  const { process, clock } = setUp();
  process.emit("SIGINT");
  clock.now = 1_001;
  process.emit("SIGINT");
  expect(process.exits).toEqual([130]);
});

test("a parent that is gone aborts, one that is there does not", () => {
  const { process, clock, signal } = setUp();
  clock.look();
  expect(signal.aborted).toBe(false);
  process.ppid = 1;
  clock.look();
  expect(signal.aborted).toBe(true);
});
