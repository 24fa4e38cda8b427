import { loadBuild } from "./builds/load-build.ts";
import { NEXT } from "./builds/next-schema.ts";
import { PRESENT } from "./builds/patches.ts";
import { playHistory } from "./history.ts";
import { drawPlan } from "./plan.ts";
import { BELAY_ENTRIES, type BelayModules } from "./world/app.ts";
import { DEFECTS } from "./zoo/defects.ts";

Error.stackTraceLimit = 0;
const next = await loadBuild<BelayModules>(NEXT, BELAY_ENTRIES);
const [part = "0", of = "1", max = "400", only] = process.argv.slice(2);
for (const [i, d] of DEFECTS.entries()) {
  if (i % Number(of) !== Number(part)) continue;
  if (only && d.name !== only) continue;
  try {
    const present = await loadBuild<BelayModules>({ name: d.name, patches: d.patches }, BELAY_ENTRIES);
    let found: any;
    let seed = 1;
    for (; seed <= Number(max); seed++) {
      const plan = drawPlan(seed);
      const r = await playHistory({ plan: { ...plan, nextBuild: false }, builds: { present, next } });
      if (r.violation) {
        found = r.violation;
        break;
      }
    }
    console.log(
      found
        ? `FOUND ${String(seed).padStart(5)} ${d.name}: ${found.invariant} ${found.what.slice(0, 110)}`
        : `MISSED ${d.name}: ${d.sentence}`,
    );
  } catch (e: any) {
    console.log(`ERROR ${d.name}: ${String(e.message).slice(0, 200)}`);
  }
}
