import { describe, expect, it } from "vitest";
import { createTableClock } from "../../shared/adapters/tables/table-clock.ts";

const NOW = 1_790_000_000_000;

/** A worker's clock that is wrong by so much, and the table's true time. */
function clocks(wrongByMs: number) {
  let table = NOW;
  const local = () => table + wrongByMs;
  const clock = createTableClock(local);
  return {
    clock,
    table: () => table,
    /** Asks the table, which takes so long to answer. */
    ask: (latencyMs: number) => {
      const askedAt = local();
      table += latencyMs;
      clock.observe(new Date(Math.floor(table / 1000) * 1000).toUTCString(), askedAt, local());
    },
    pass: (ms: number) => {
      table += ms;
    },
  };
}

describe("the table's clock", () => {
  it.each([-3_600_000, -30_000, 0, 30_000, 3_600_000])(
    "is known to a second by a worker whose own clock is wrong by %d ms",
    (wrongByMs) => {
      const { clock, table, ask, pass } = clocks(wrongByMs);
      for (let asked = 0; asked < 20; asked++) {
        ask(20);
        expect(Math.abs(clock.now() - table())).toBeLessThanOrEqual(1_020);
        pass(237);
      }
    },
  );

  it("is the worker's own until an answer has a date that can be read", () => {
    const { clock, table } = clocks(5_000);
    clock.observe(undefined, NOW, NOW);
    clock.observe("yesterday", NOW, NOW);
    expect(clock.now()).toBe(table() + 5_000);
  });
});
