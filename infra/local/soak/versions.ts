import { VERSIONS, type VersionName } from "../demo/models.ts";
import type { MlflowClient } from "../mlflow/client.ts";
import type { Random } from "./random.ts";

/** How a version fares, by its data alone. */
const FATES = {
  good: ["good", "better", "steady"],
  crashing: ["crashing"],
  wrong: ["wrong", "notFinite"],
  unbuildable: ["unbuildable"],
  "below its gate": ["belowGate"],
} as const satisfies Readonly<Record<string, readonly [VersionName, ...VersionName[]]>>;

export type Fate = keyof typeof FATES;

/** A registered version and how it will fare. */
export interface Registered {
  version: string;
  fate: Fate;
}

/** What registering takes. */
export type Registrar = Pick<MlflowClient, "createRun" | "logArtifacts" | "createModelVersion">;

/** Logs a run with one of the models of that fate and registers it. */
export async function register(client: Registrar, model: string, fate: Fate, random: Random): Promise<Registered> {
  const { metrics, files } = VERSIONS[random.pick<VersionName>(FATES[fate])];
  const run = await client.createRun({ metrics });
  await client.logArtifacts(run, "model", { ...files, "about.txt": `${model} ${run.runId}` });
  return { version: await client.createModelVersion(model, run, "model"), fate };
}
