import { createDeadLetterOffice } from "../../shared/steps/dead-letter-office.ts";
import { createFakeDeadLetters } from "../fakes/fake-dead-letters.ts";
import type { World } from "../pipeline/world.ts";

/** A place for dead letters beside a world, and what a person can do with them. */
export function openOffice(world: World) {
  const deadLetters = createFakeDeadLetters(world.now);
  const { dependencies } = world.spawn();
  const office = createDeadLetterOffice({ ...dependencies, deadLetters, openReads: async () => dependencies });
  return { office, deadLetters, dependencies };
}
