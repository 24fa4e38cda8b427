import { readFileSync, writeFileSync } from "node:fs";
import * as z from "zod";
import { CALL_FAULTS } from "../kernel/faults.ts";
import type { Place } from "./play.ts";

const FOUND = new URL("found.json", import.meta.url);

const fault = z.strictObject({ call: z.int(), kind: z.enum(CALL_FAULTS), inARow: z.int().exactOptional() });
const place = z.union([
  z.strictObject({ seed: z.int() }),
  z.strictObject({ story: z.string(), telling: z.int(), faults: z.array(fault) }),
]);

/** Where each defect was seen last, by its name. */
export function readFound(): Readonly<Record<string, Place>> {
  return z.record(z.string(), place).parse(JSON.parse(readFileSync(FOUND, "utf8")));
}

/** Keeps where these were seen; of the others what is known stays. */
export function keepFound(places: Readonly<Record<string, Place>>): void {
  const all = Object.entries({ ...readFound(), ...places }).toSorted(([a], [b]) => (a < b ? -1 : 1));
  writeFileSync(FOUND, `${JSON.stringify(Object.fromEntries(all), undefined, 2)}\n`);
}
