import type { MlflowClient } from "../mlflow/client.ts";

/** The registered model of the demo's policy. */
export const MODEL = "churn-classifier";
export const ALIAS = "champion";

/** One version to be registered: its artifact and what its run measured. */
export interface DemoVersion {
  metrics: Readonly<Record<string, number>>;
  files: Readonly<Record<string, string>>;
}

const GOOD = { accuracy: 0.91, f1: 0.88 };

function linear(weights: readonly (number | string)[], bias: number): Readonly<Record<string, string>> {
  return { "model.json": JSON.stringify({ kind: "linear", features: ["years", "complaints"], weights, bias }) };
}

/** What each version of the demo is like; how it fares follows from its data alone. */
export const VERSIONS = {
  good: { metrics: GOOD, files: linear([-0.005, 0.19], 0.05) },
  better: { metrics: { accuracy: 0.94, f1: 0.92 }, files: linear([-0.004, 0.196], 0.02) },
  /** An artifact the server does not know how to load: the container ends at once. */
  crashing: { metrics: GOOD, files: { "model.json": '{"kind":"forest"}' } },
  /** Loads and answers, but the other way round. */
  wrong: { metrics: GOOD, files: linear([0.19, -0.005], 0.05) },
  notFinite: { metrics: GOOD, files: linear(["NaN", 0.19], 0.05) },
  /** Holds no model.json, so the image cannot be built. */
  unbuildable: { metrics: GOOD, files: { "weights.bin": "\u0000\u0001" } },
  belowGate: { metrics: { accuracy: 0.85, f1: 0.79 }, files: linear([-0.005, 0.19], 0.05) },
  steady: { metrics: GOOD, files: linear([-0.0045, 0.194], 0.03) },
} as const satisfies Readonly<Record<string, DemoVersion>>;

export type VersionName = keyof typeof VERSIONS;

/** Logs a run and registers what it holds; returns MLflow's version number. */
export async function registerVersion(client: MlflowClient, name: VersionName): Promise<string> {
  const { metrics, files } = VERSIONS[name];
  const run = await client.createRun({ metrics, tags: { "demo.version": name } });
  await client.logArtifacts(run, "model", files);
  return client.createModelVersion(MODEL, run, "model");
}
