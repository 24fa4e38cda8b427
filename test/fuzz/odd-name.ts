import { anyText, oddText } from "./odd-text.ts";
import type { Random } from "./random.ts";

/** The longest name that Belay takes, in UTF-16 units. */
const LONGEST = 2_000;

/** A name as somebody might register it: anything at all but nothing. */
export function oddName(random: Random): string {
  const parts = 1 + random.below(5);
  let name = "";
  for (let part = 0; part < parts; part++)
    name += random.chance(0.4) ? oddText(random) : anyText(random, lengthOf(random));
  const whole = name.slice(0, LONGEST);
  return whole === "" ? "x" : whole;
}

function lengthOf(random: Random): number {
  return random.chance(0.97) ? random.below(30) : random.pick([200, 1_000, 2_000]);
}

/** Ways to look like a name without being it. */
const TWINS: readonly ((name: string) => string)[] = [
  (name) => name.toUpperCase(),
  (name) => name.toLowerCase(),
  (name) => name.normalize("NFC"),
  (name) => name.normalize("NFD"),
  (name) => name.normalize("NFKC"),
  (name) => `${name} `,
  (name) => ` ${name}`,
  (name) => `${name}\u200b`,
  (name) => `${name}\u0000`,
  (name) => `${name}\u00ad`,
  (name) => `\ufeff${name}`,
  (name) => name.replace("a", "\u0430"),
  (name) => name.replaceAll(/[^a-z0-9]/g, "-"),
  (name) => encodeURIComponent(name.toWellFormed()),
  (name) => name.replaceAll("'", "''"),
  (name) => name.slice(0, -1),
  (name) => name.toWellFormed(),
  (name) => [...name].reverse().join(""),
];

/** A name that is nearly the same. */
export function twinOf(random: Random, name: string): string {
  const twin = random.pick(TWINS)(name).slice(0, LONGEST);
  return twin === "" ? "x" : twin;
}
