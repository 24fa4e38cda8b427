import { setTimeout as delay } from "node:timers/promises";
import type { MlflowClient } from "../mlflow/client.ts";
import { ALIAS } from "./place.ts";
import type { Random } from "./random.ts";
import { type Fate, type Registered, type Registrar, register } from "./versions.ts";

/** What somebody does to a model's alias. */
export const WISHES = ["new version", "flapping", "the same again", "an older one", "deleted and set"] as const;
export type WishKind = (typeof WISHES)[number];

const WISH_WEIGHTS: Readonly<Record<WishKind, number>> = {
  "new version": 66,
  flapping: 10,
  "the same again": 8,
  "an older one": 10,
  "deleted and set": 6,
};
const FATE_WEIGHTS: Readonly<Record<Fate, number>> = {
  good: 64,
  crashing: 11,
  wrong: 11,
  unbuildable: 8,
  "below its gate": 6,
};
/** Between the moves of an alias that does not keep still, milliseconds. */
const QUICK_MS = [50, 400] as const;

/** One model whose alias is moved about. */
export interface Mover {
  readonly model: string;
  /** Where the alias stands; undefined: it was deleted. */
  standing(): string | undefined;
  /** How a version of the model was made. */
  fateOf(version: string): Fate | undefined;
  /** Moves it once, or a few times where it does not keep still. */
  move(signal: AbortSignal): Promise<void>;
  /** How often the alias was set: each is a promotion. */
  promotions(): number;
  counts(): Readonly<Record<WishKind, number>>;
}

export interface MoverOptions {
  client: Registrar & Pick<MlflowClient, "setAlias" | "deleteAlias">;
  model: string;
  random: Random;
  /** Resolves after so many milliseconds, or rejects when the signal aborts; the real one when left out. */
  sleep?: (milliseconds: number, signal: AbortSignal) => Promise<unknown>;
}

function realSleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return delay(milliseconds, undefined, { signal });
}

/** The first version of every model is a good one, so that there is something to go back to. */
export function createMover({ client, model, random, sleep = realSleep }: MoverOptions): Mover {
  const versions: Registered[] = [];
  const counts = Object.fromEntries(WISHES.map((wish) => [wish, 0])) as Record<WishKind, number>;
  let standing: string | undefined;
  let promotions = 0;

  const set = async (version: string) => {
    await client.setAlias(model, ALIAS, version);
    standing = version;
    promotions += 1;
  };
  const makeNew = async (fate: Fate) => {
    const made = await register(client, model, fate, random);
    versions.push(made);
    return made.version;
  };
  const pickGood = () => {
    const [first, ...others] = versions.filter(({ fate }) => fate === "good").map(({ version }) => version);
    if (first === undefined) throw new Error(`${model} has no good version yet.`);
    return random.pick([first, ...others]);
  };
  const pause = (signal: AbortSignal) => sleep(random.between(...QUICK_MS), signal);

  const kinds: Readonly<Record<WishKind, (signal: AbortSignal) => Promise<void>>> = {
    "new version": async () => set(await makeNew(random.weighted(FATE_WEIGHTS))),
    flapping: async (signal) => {
      const [one, another] = [standing ?? pickGood(), await makeNew("good")];
      await set(another);
      await pause(signal);
      await set(one);
      await pause(signal);
      await set(random.chance(0.5) ? another : one);
    },
    "the same again": async () => set(standing ?? pickGood()),
    "an older one": async () => set(pickGood()),
    "deleted and set": async (signal) => {
      if (standing !== undefined) await client.deleteAlias(model, ALIAS);
      standing = undefined;
      await pause(signal);
      if (random.chance(0.8)) await set(pickGood());
    },
  };

  return {
    model,
    standing: () => standing,
    fateOf: (version) => versions.find((one) => one.version === version)?.fate,
    async move(signal) {
      if (versions.length === 0) return set(await makeNew("good"));
      const kind = random.weighted(WISH_WEIGHTS);
      counts[kind] += 1;
      await kinds[kind](signal);
    },
    promotions: () => promotions,
    counts: () => ({ ...counts }),
  };
}
