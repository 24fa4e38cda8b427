import { loadBuilds } from "../builds/all-builds.ts";
import { type Entries, loadBuild, type Modules } from "../builds/load-build.ts";
import { DEFECTS } from "./defects.ts";
import { readFound } from "./found.ts";
import { playPlace } from "./play.ts";

const ENTRIES: Entries<Pick<Modules, "composition" | "consumers" | "store">> = {
  composition: "shared/composition.ts",
  consumers: "shared/steps/consumers.ts",
  store: "shared/adapters/tables/deployment-store.ts",
};

/** What is wrong with the defects that cannot be loaded, each beside the one before. */
export async function loadAll(): Promise<readonly string[]> {
  const wrong: string[] = [];
  for (const defect of DEFECTS)
    await loadBuild(defect, ENTRIES).catch((error: Error) => wrong.push(`${defect.name}: ${error.message}`));
  return wrong;
}

/** Promises that the sources as they are break where a defect was seen. */
export async function playFoundPlaces(): Promise<readonly string[]> {
  const builds = await loadBuilds();
  const broken: string[] = [];
  for (const [name, place] of Object.entries(readFound())) {
    const violation = await playPlace(builds, place);
    if (violation !== undefined) broken.push(`${name}: ${violation.invariant} ${violation.what}`);
  }
  return broken;
}
