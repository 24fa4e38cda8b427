/** Something that will happen, unless it is cancelled before. */
export interface Scheduled {
  readonly at: number;
  readonly order: number;
  run: (() => void) | undefined;
}

/** What is to come, in order of its time and then of its planning. */
export interface EventQueue {
  /** Virtual epoch milliseconds: of the event that plays, else of the world. */
  time(): number;
  after(milliseconds: number, run: () => void): Scheduled;
  cancel(event: Scheduled | undefined): void;
  nextAt(): number | undefined;
  /** Plays everything up to and including this time, also what is planned on the way. */
  advanceTo(time: number): void;
}

export function createEventQueue(now: () => number): EventQueue {
  const heap: Scheduled[] = [];
  let planned = 0;
  let playing: number | undefined;
  let playedTo = Number.NEGATIVE_INFINITY;

  const time = () => playing ?? Math.max(now(), playedTo);
  const first = (): Scheduled | undefined => {
    while (heap[0] !== undefined && heap[0].run === undefined) takeFirst(heap);
    return heap[0];
  };
  return {
    time,
    after: (milliseconds, run) => {
      planned += 1;
      const event = { at: time() + milliseconds, order: planned, run };
      add(heap, event);
      return event;
    },
    cancel: (event) => {
      if (event !== undefined) event.run = undefined;
    },
    nextAt: () => first()?.at,
    advanceTo: (until) => {
      // An event that calls a port must not play the ones behind it.
      if (playing !== undefined) return;
      for (let event = first(); event !== undefined && event.at <= until; event = first()) {
        takeFirst(heap);
        playing = event.at;
        try {
          event.run?.();
        } finally {
          playing = undefined;
        }
      }
      playedTo = Math.max(playedTo, until);
    },
  };
}

const isBefore = (a: Scheduled, b: Scheduled): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

function add(heap: Scheduled[], event: Scheduled): void {
  let index = heap.push(event) - 1;
  while (index > 0) {
    const above = (index - 1) >> 1;
    const parent = heap[above];
    if (parent === undefined || !isBefore(event, parent)) break;
    heap[index] = parent;
    index = above;
  }
  heap[index] = event;
}

function takeFirst(heap: Scheduled[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let index = 0;
  for (;;) {
    const below = smallerChild(heap, index);
    const child = heap[below];
    if (child === undefined || !isBefore(child, last)) break;
    heap[index] = child;
    index = below;
  }
  heap[index] = last;
}

function smallerChild(heap: readonly Scheduled[], index: number): number {
  const left = 2 * index + 1;
  const [a, b] = [heap[left], heap[left + 1]];
  return a !== undefined && b !== undefined && isBefore(b, a) ? left + 1 : left;
}
