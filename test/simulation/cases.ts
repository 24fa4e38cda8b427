import { createHash } from "node:crypto";
import { loadBuilds } from "./builds/all-builds.ts";
import { playHistory } from "./history.ts";
import { drawPlan } from "./plan.ts";
import { DEFECTS } from "./zoo/defects.ts";

/** Violations of seeds, and a hash of everything that happened in them. */
export async function playSeeds(from: number, count: number): Promise<{ broken: readonly string[]; trace: string }> {
  const builds = await loadBuilds();
  const hash = createHash("sha256");
  const broken: string[] = [];
  for (let seed = from; seed < from + count; seed++) {
    const { violation } = await playHistory({
      plan: drawPlan(seed),
      builds,
      trace: (line) => void hash.update(`${line}\n`),
    });
    if (violation !== undefined) broken.push(`seed ${seed}: ${violation.invariant} ${violation.what}`);
  }
  return { broken, trace: hash.digest("hex") };
}

/** The promise that a planted defect breaks in this seed; undefined: none. */
export async function playDefect(name: string, seed: number): Promise<string | undefined> {
  const defect = DEFECTS.find((one) => one.name === name);
  if (defect === undefined) throw new Error(`There is no defect ${name}.`);
  const builds = await loadBuilds({ name: defect.name, patches: defect.patches });
  return (await playHistory({ plan: drawPlan(seed), builds })).violation?.invariant;
}
