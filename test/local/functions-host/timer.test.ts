import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { createTimerListener } from "../../../infra/local/functions-host/timer-listener.ts";
import { compileSchedule, repeatsWithinAMinute } from "../../../infra/local/functions-host/timer-schedule.ts";
import { createTimerStatusStore, type TimerStatusStore } from "../../../infra/local/functions-host/timer-status.ts";

describe("an NCRONTAB expression", () => {
  const cases: readonly [expression: string, after: string, next: string][] = [
    ["0 */5 * * * *", "2026-11-21T10:02:00Z", "2026-11-21T10:05:00.000Z"],
    ["*/10 * * * * *", "2026-11-21T10:02:05Z", "2026-11-21T10:02:10.000Z"],
    ["0 0 2 * * *", "2026-11-21T02:00:00Z", "2026-11-22T02:00:00.000Z"],
    ["0 30 9 * JAN Mon-Fri", "2026-11-21T00:00:00Z", "2027-01-01T09:30:00.000Z"],
    ["0 0 0 13 * 5", "2026-11-21T00:00:00Z", "2027-08-13T00:00:00.000Z"],
    ["0 0,30 8-10 * * *", "2026-11-21T10:15:00Z", "2026-11-21T10:30:00.000Z"],
  ];
  test.for(cases)("%s after %s is next due at %s", ([expression, after, next]) => {
    expect(compileSchedule(expression).next(new Date(after))?.toISOString()).toBe(next);
  });

  test.for([
    "* * * * *",
    "0 0 0 L * *",
    "0 0 0 15W * *",
    "0 0 0 * * 5#2",
    "0 0 0 ? * 1",
    "00:05:00",
    "0 61 * * * *",
    "@daily",
  ])("%s is refused", (expression) => {
    expect(() => compileSchedule(expression)).toThrow();
  });

  test("of less than a minute is told from one of a minute", () => {
    const now = new Date("2026-11-21T10:00:00Z");
    expect(repeatsWithinAMinute(compileSchedule("*/30 * * * * *"), now)).toBe(true);
    expect(repeatsWithinAMinute(compileSchedule("0 * * * * *"), now)).toBe(false);
  });
});

interface Setup {
  readonly expression?: string;
  readonly runOnStartup?: boolean;
  readonly store?: TimerStatusStore | undefined;
  readonly at?: string;
}

/** A timer function on a virtual clock; each run lasts until it is released. */
function setUp({ expression = "0 */5 * * * *", runOnStartup = false, store, at = "2026-11-21T10:01:00Z" }: Setup = {}) {
  let now = new Date(at);
  let waiting: { readonly at: number; readonly callback: () => void } | undefined;
  const runs: {
    readonly info: { IsPastDue: boolean; ScheduleStatus: unknown };
    readonly at: string;
    release(): void;
  }[] = [];
  const listener = createTimerListener({
    name: "timer",
    expression,
    schedule: compileSchedule(expression),
    runOnStartup,
    store,
    clock: {
      now: () => now,
      after(milliseconds, callback) {
        const mine = { at: now.getTime() + milliseconds, callback };
        waiting = mine;
        return () => {
          if (waiting === mine) waiting = undefined;
        };
      },
    },
    run: ({ json = "" }) =>
      new Promise((release) => runs.push({ info: JSON.parse(json), at: now.toISOString(), release })),
  });
  return {
    listener,
    runs,
    /** Moves the clock, calling back what falls due on the way, and lets promises settle. */
    async advanceTo(time: string) {
      const end = new Date(time).getTime();
      while (waiting !== undefined && waiting.at <= end) {
        const due = waiting;
        waiting = undefined;
        now = new Date(due.at);
        due.callback();
        await settle();
      }
      now = new Date(end);
    },
  };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

describe("a timer function", () => {
  test("runs at each occurrence, and is told of last and next", async () => {
    const timer = setUp({ store: createTimerStatusStore(undefined) });
    timer.listener.start();
    await timer.advanceTo("2026-11-21T10:05:00Z");
    timer.runs[0]?.release();
    await settle();
    await timer.advanceTo("2026-11-21T10:12:00Z");
    expect(timer.runs.map((run) => run.at)).toEqual(["2026-11-21T10:05:00.000Z", "2026-11-21T10:10:00.000Z"]);
    expect(timer.runs[0]?.info).toMatchObject({ IsPastDue: false, ScheduleStatus: { Last: "0001-01-01T00:00:00Z" } });
    expect(timer.runs[1]?.info.ScheduleStatus).toEqual({
      Last: "2026-11-21T10:05:00.000Z",
      Next: "2026-11-21T10:10:00.000Z",
      LastUpdated: "2026-11-21T10:05:00.000Z",
    });
  });

  test("never runs twice at once: what fell due meanwhile runs once afterwards", async () => {
    const timer = setUp();
    timer.listener.start();
    await timer.advanceTo("2026-11-21T10:23:00Z");
    expect(timer.runs).toHaveLength(1);
    void timer.listener.fire(undefined);
    await settle();
    expect(timer.runs, "fired by hand meanwhile").toHaveLength(1);
    timer.runs[0]?.release();
    await settle();
    expect(timer.runs).toHaveLength(2);
    timer.runs[1]?.release();
    await settle();
    await timer.advanceTo("2026-11-21T10:23:01Z");
    expect(timer.runs.map((run) => run.at)).toEqual([
      "2026-11-21T10:05:00.000Z",
      "2026-11-21T10:23:00.000Z",
      "2026-11-21T10:23:00.001Z",
    ]);
  });

  test("runs at the start when it is asked to, and then by its schedule", async () => {
    const timer = setUp({ runOnStartup: true });
    timer.listener.start();
    await timer.advanceTo("2026-11-21T10:01:01Z");
    expect(timer.runs[0]?.info.IsPastDue).toBe(false);
    timer.runs[0]?.release();
    await settle();
    await timer.advanceTo("2026-11-21T10:05:00Z");
    expect(timer.runs).toHaveLength(2);
  });

  test("that missed an occurrence while no host ran is past due at the next start", async () => {
    const directory = mkdtempSync(join(tmpdir(), "timer-status-"));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const before = setUp({ store: createTimerStatusStore(directory) });
    before.listener.start();
    before.listener.stop();
    const after = setUp({ store: createTimerStatusStore(directory), at: "2026-11-21T10:30:00Z" });
    after.listener.start();
    await after.advanceTo("2026-11-21T10:30:01Z");
    expect(after.runs[0]?.info).toMatchObject({
      IsPastDue: true,
      ScheduleStatus: { Next: "2026-11-21T10:05:00.000Z" },
    });
    after.runs[0]?.release();
    await settle();
    const again = setUp({ store: createTimerStatusStore(directory), at: "2026-11-21T10:30:02Z" });
    again.listener.start();
    await again.advanceTo("2026-11-21T10:34:59Z");
    expect(again.runs).toHaveLength(0);
  });

  test("whose schedule was changed starts anew", async () => {
    const store = createTimerStatusStore(undefined);
    const before = setUp({ store });
    before.listener.start();
    before.listener.stop();
    const after = setUp({ store, expression: "0 0 * * * *", at: "2026-11-21T10:30:00Z" });
    after.listener.start();
    await after.advanceTo("2026-11-21T10:59:59Z");
    expect(after.runs).toHaveLength(0);
  });

  test("without a monitor is told of no status", async () => {
    const timer = setUp();
    timer.listener.start();
    await timer.advanceTo("2026-11-21T10:05:00Z");
    expect(timer.runs[0]?.info.ScheduleStatus).toBeNull();
  });

  test("waits in pieces for an occurrence months away", async () => {
    const timer = setUp({ expression: "0 0 0 1 3 *" });
    timer.listener.start();
    await timer.advanceTo("2027-02-28T23:59:59Z");
    expect(timer.runs).toHaveLength(0);
    await timer.advanceTo("2027-03-01T00:00:00Z");
    expect(timer.runs).toHaveLength(1);
  });

  test("runs no more once it is stopped", async () => {
    const timer = setUp();
    timer.listener.start();
    timer.listener.stop();
    await timer.advanceTo("2026-11-21T11:00:00Z");
    expect(timer.runs).toHaveLength(0);
  });

  test("with an unreadable status file is refused", () => {
    const directory = mkdtempSync(join(tmpdir(), "timer-status-"));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    writeFileSync(join(directory, "timer.json"), "{}");
    expect(() => createTimerStatusStore(directory).read("timer")).toThrow("is not the status of a timer");
  });
});
