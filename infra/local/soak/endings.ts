import { type DemoDeployment, readDeployments } from "../demo/deployments-client.ts";
import type { Mover } from "./wishes.ts";

/** As many deployments of a target are read as the app gives at once. */
const LIMIT = 100;

/** What a soak asks the app about its targets. */
export interface Endings {
  /** What keeps the targets from being at rest, one sentence each; empty: nothing does. */
  restlessness(): Promise<readonly string[]>;
  /** How many deployments of versions made like this ended like that. */
  count(): Promise<ReadonlyMap<string, ReadonlyMap<string, number>>>;
}

export function createEndings(app: { url: () => string; functionKey: string }, movers: readonly Mover[]): Endings {
  const read = ({ model }: Mover) => readDeployments(app.url(), app.functionKey, model, LIMIT);
  return {
    async restlessness() {
      const found: string[] = [];
      for (const mover of movers) found.push(...restlessnessOf(mover, await read(mover)));
      return found;
    },
    async count() {
      const counts = new Map<string, Map<string, number>>();
      for (const mover of movers)
        for (const { version, phase } of await read(mover)) {
          const fate = mover.fateOf(version) ?? "no version";
          const row = counts.get(fate) ?? new Map<string, number>();
          counts.set(fate, row.set(phase, (row.get(phase) ?? 0) + 1));
        }
      return counts;
    },
  };
}

/** What is open, and what the registry says that was not taken yet. Pure. */
export function restlessnessOf(
  { model, standing }: Pick<Mover, "model" | "standing">,
  deployments: readonly DemoDeployment[],
): readonly string[] {
  const open = deployments
    .filter(({ endedAt }) => endedAt === undefined)
    .map(({ id, phase, step }) => `${id} is ${phase}${step === undefined ? "" : ` in ${step}`}`);
  const version = standing();
  // Newest first: the last accepted one is what is wanted.
  const wanted = deployments[0]?.version;
  const missing =
    version === undefined || version === wanted ? [] : [`${model} is to run version ${version}, not ${wanted}`];
  return [...open, ...missing];
}
