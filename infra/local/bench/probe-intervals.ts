import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import { z } from "zod";

const policy = z.object({
  targets: z.record(
    z.string(),
    z.object({ verify: z.object({ health: z.object({ interval: z.string().regex(/^\d+s$/) }) }) }),
  ),
});

/** Milliseconds between two health looks, as the policy file says for the target. */
export async function readProbeInterval(policyFile: string, target: string): Promise<number> {
  const { targets } = policy.parse(parse(await readFile(policyFile, "utf8")));
  const interval = targets[target]?.verify.health.interval;
  if (interval === undefined) throw new Error(`${policyFile} has no target ${target}.`);
  return Number.parseInt(interval, 10) * 1000;
}
