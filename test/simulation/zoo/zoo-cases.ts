import { type Entries, loadBuild, type Modules } from "../builds/load-build.ts";
import { DEFECTS } from "./defects.ts";

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
