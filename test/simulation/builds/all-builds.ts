import type { Builds } from "../world/app.ts";
import { BELAY_ENTRIES, type BelayModules } from "../world/app.ts";
import { loadBuild } from "./load-build.ts";
import { NEXT } from "./next-schema.ts";
import { type Build, PRESENT } from "./patches.ts";

/** The build under test and the next one, which takes turns with it in some histories. */
export async function loadBuilds(present: Build = PRESENT): Promise<Builds> {
  return {
    present: await loadBuild<BelayModules>(present, BELAY_ENTRIES),
    next: await loadBuild<BelayModules>(NEXT, BELAY_ENTRIES),
  };
}
