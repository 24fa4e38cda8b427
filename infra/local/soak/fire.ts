import { setTimeout as delay } from "node:timers/promises";
import type { Field } from "./field.ts";
import { keepKilling } from "./killer.ts";
import { createRandom, type Random } from "./random.ts";
import type { Mover } from "./wishes.ts";

export interface FireOptions {
  seed: number;
  /** At least so many. */
  promotions: number;
  kills: number;
  /** How long aliases are moved, and how long kills and faults go on after that, milliseconds. */
  wishingMs: number;
  afterwardsMs: number;
  signal: AbortSignal;
}

/** What was done to the stack. */
export interface Fired {
  kills: number;
  /** Times the app ended although nobody killed it. */
  ownEnds: number;
  /** Times every connection to the bus was cut. */
  busCuts: number;
}

/** Between two cuts of every connection to the bus, milliseconds. */
const BUS_CUT_MS = [3_000, 10_000] as const;
/**
 * The app's connections to the bus are left alone for so long after its start, milliseconds: while its links are being
 * opened the SDK for Node, which the host here receives with, waits 60 s for an answer that went with the connection.
 */
const BUS_OPENING_MS = 800;
/** Promotions that one move of an alias comes to on average. */
const PROMOTIONS_PER_MOVE = 1.2;

/** Moves aliases while the app is killed and everything around it fails; resolves with the app running and all quiet. */
export async function fire(field: Field, options: FireOptions): Promise<Fired> {
  const { stack, front, movers, note } = field;
  const fired: Fired = { kills: 0, ownEnds: 0, busCuts: 0 };
  const over = new AbortController();
  const signal = AbortSignal.any([options.signal, over.signal]);
  const startedAt = performance.now();
  // Undefined: it is being started.
  let upSince: number | undefined = startedAt;
  const left = (until: number) => Math.max(0, startedAt + until - performance.now());
  const until = options.wishingMs + options.afterwardsMs;
  const killing = keepKilling({
    ...{ stack, random: createRandom(options.seed, "kills"), signal },
    meanMs: () => left(until) / Math.max(1, options.kills - fired.kills),
    onKill: () => {
      fired.kills += 1;
      upSince = undefined;
      note(`killed ${new Date().toISOString()}`);
    },
    onStart: () => {
      upSince = performance.now();
    },
    onOwnEnd: () => {
      fired.ownEnds += 1;
      upSince = undefined;
      note(`ended by itself ${new Date().toISOString()}`);
    },
  });
  const cutting = keepCutting({
    ...{ random: createRandom(options.seed, "bus cuts"), signal },
    mayCut: () => upSince !== undefined && performance.now() - upSince > BUS_OPENING_MS,
    cut: () => {
      stack.standIns.bus.cutConnections();
      fired.busCuts += 1;
    },
  });
  const wishing = movers.map((mover) =>
    keepMoving(mover, createRandom(options.seed, `pace of ${mover.model}`), { movers, options, left, signal }),
  );
  try {
    await Promise.race([Promise.all(wishing), killing, cutting]);
    while (left(until) > 0 || fired.kills < options.kills)
      await Promise.race([delay(LOOK_MS, undefined, { signal }), killing]);
  } finally {
    over.abort();
    front.stop();
    // Nobody may start the app any more once the stack is being stopped.
    await Promise.allSettled([killing, cutting, ...wishing]);
  }
  // What went wrong at the very end is told too.
  await Promise.all([killing, cutting]);
  return fired;
}

/** Between two looks whether it is time. */
const LOOK_MS = 50;

interface Pace {
  movers: readonly Mover[];
  options: FireOptions;
  left: (until: number) => number;
  signal: AbortSignal;
}

/** Moves one alias until there have been enough promotions and the time is over; never sooner, hardly later. */
async function keepMoving(mover: Mover, random: Random, { movers, options, left, signal }: Pace): Promise<void> {
  const open = () => options.promotions - movers.reduce((sum, one) => sum + one.promotions(), 0);
  while (left(options.wishingMs) > 0 || open() > 0) {
    const moves = Math.max(1, open() / PROMOTIONS_PER_MOVE / movers.length);
    const rest = left(options.wishingMs);
    await delay(Math.min(rest, (rest / moves) * drawPause(random)), undefined, { signal });
    await mover.move(signal);
  }
}

/** 1 on average: a few moves soon after each other, of which most are superseded, then time for one to come to its end. */
function drawPause(random: Random): number {
  return random.chance(0.7) ? random.between(0.05, 0.35) : random.between(2.1, 3.6);
}

interface Cutting {
  random: Random;
  mayCut: () => boolean;
  cut: () => void;
  signal: AbortSignal;
}

async function keepCutting({ random, mayCut, cut, signal }: Cutting): Promise<void> {
  const pause = (milliseconds: number) => delay(milliseconds, undefined, { signal }).catch(() => undefined);
  while (!signal.aborted) {
    await pause(random.between(...BUS_CUT_MS));
    while (!signal.aborted && !mayCut()) await pause(LOOK_MS);
    if (!signal.aborted) cut();
  }
}
