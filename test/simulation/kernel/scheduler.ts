/** Virtual time, and what is to happen when. */
export interface Scheduler {
  /** Epoch milliseconds. */
  now(): number;
  /** Does something at a time, or now where that is past; in the order they were asked for where times are equal. */
  at(time: number, act: () => void): void;
  /** Plays what is due until nothing is left, the time is reached, or `stop` holds. */
  run(until: number, stop?: () => boolean): Promise<void>;
  /** Things that happened. */
  count(): number;
}

interface Entry {
  time: number;
  order: number;
  act: () => void;
}

/**
 * Lets code under test go on until it waits for a port: all of its promises, and what they left for the next tick. A
 * turn of the event loop would do so too, and costs more than all the rest of a history.
 */
const settle = (): Promise<void> => new Promise((resolve) => process.nextTick(process.nextTick, resolve));

export function createScheduler(start: number): Scheduler {
  const heap = createHeap();
  let time = start;
  let orders = 0;
  let count = 0;
  return {
    now: () => time,
    at: (when, act) => {
      orders += 1;
      heap.push({ time: Math.max(when, time), order: orders, act });
    },
    count: () => count,
    run: async (until, stop = () => false) => {
      for (let next = heap.peek(); next !== undefined && next.time <= until && !stop(); next = heap.peek()) {
        heap.pop();
        time = next.time;
        count += 1;
        next.act();
        await settle();
      }
      if (!stop() && Number.isFinite(until)) time = Math.max(time, until);
    },
  };
}

function createHeap() {
  const entries: Entry[] = [];
  const before = (a: Entry, b: Entry) => a.time < b.time || (a.time === b.time && a.order < b.order);
  const swap = (a: number, b: number) => {
    const held = entries[a] as Entry;
    entries[a] = entries[b] as Entry;
    entries[b] = held;
  };
  const smaller = (a: number, b: number) =>
    b < entries.length && before(entries[b] as Entry, entries[a] as Entry) ? b : a;
  return {
    peek: (): Entry | undefined => entries[0],
    push: (entry: Entry) => {
      let at = entries.push(entry) - 1;
      for (let parent = (at - 1) >> 1; at > 0 && before(entry, entries[parent] as Entry); parent = (at - 1) >> 1) {
        swap(at, parent);
        at = parent;
      }
    },
    pop: () => {
      const last = entries.pop();
      if (last === undefined || entries.length === 0) return;
      entries[0] = last;
      for (let at = 0; ; ) {
        const child = smaller(smaller(at, 2 * at + 1), 2 * at + 2);
        if (child === at) return;
        swap(at, child);
        at = child;
      }
    },
  };
}
