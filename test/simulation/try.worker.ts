import { loadBuild } from "./builds/load-build.ts";
import { NEXT } from "./builds/next-schema.ts";
import { PRESENT } from "./builds/patches.ts";
import { playHistory } from "./history.ts";
import { drawPlan } from "./plan.ts";
import { BELAY_ENTRIES, type BelayModules } from "./world/app.ts";

Error.stackTraceLimit = 0;
const present = await loadBuild<BelayModules>(PRESENT, BELAY_ENTRIES);
const next = await loadBuild<BelayModules>(NEXT, BELAY_ENTRIES);
const [from = "1", count = "1", trace] = process.argv.slice(2);
const started = performance.now();
let bad = 0;
let calls = 0;
const kinds: Record<string, number> = {};
for (let seed = Number(from); seed < Number(from) + Number(count); seed++) {
  const result = await playHistory({
    plan: drawPlan(seed),
    builds: { present, next },
    ...(trace ? { trace: console.log } : {}),
  });
  calls += result.calls;
  for (const { kind } of result.faults) kinds[kind] = (kinds[kind] ?? 0) + 1;
  if (result.violation) {
    bad++;
    if (bad < 40) console.log(seed, result.violation, JSON.stringify(result.endings));
  }
}
const s = (performance.now() - started) / 1000;
console.log({ bad, perSecond: Number(count) / s, callsPer: calls / Number(count) });
if (!trace) console.log(kinds);
