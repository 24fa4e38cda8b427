import { expect, it } from "vitest";
import { createEventQueue } from "./event-queue.ts";
import { seeded } from "./stage.ts";

it("events play in order of their time, then of their planning, also those planned on the way", () => {
  const queue = createEventQueue(() => 0);
  const random = seeded(1);
  const planned: { at: number; order: number }[] = [];
  const played: { at: number; order: number }[] = [];
  const plan = (again: number) => {
    const at = queue.time() + Math.floor(random() * 50);
    const entry = { at, order: planned.length };
    planned.push(entry);
    const event = queue.after(at - queue.time(), () => {
      expect(queue.time()).toBe(at);
      played.push(entry);
      if (again > 0) plan(again - 1);
    });
    if (random() < 0.3) {
      queue.cancel(event);
      planned.pop();
    }
  };
  for (let count = 0; count < 300; count++) plan(3);
  for (let time = 0; time <= 300; time += 7) {
    queue.advanceTo(time);
    expect(queue.nextAt() ?? time + 1).toBeGreaterThan(time);
  }
  expect(queue.nextAt()).toBeUndefined();
  expect(played).toHaveLength(planned.length);
  for (const [index, entry] of played.entries()) {
    const before = played[index - 1];
    if (before?.at === entry.at && before.order > entry.order) throw new Error("A later plan was played first.");
    expect(before?.at ?? 0).toBeLessThanOrEqual(entry.at);
  }
});

it("an event that lets time pass does not play the ones behind it", () => {
  const queue = createEventQueue(() => 0);
  const played: number[] = [];
  queue.after(1, () => {
    queue.advanceTo(10);
    played.push(1);
  });
  queue.after(2, () => played.push(2));
  queue.advanceTo(5);
  expect(played).toEqual([1, 2]);
  expect(queue.time()).toBe(5);
});
