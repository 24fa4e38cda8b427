import type { TestProject } from "vitest/node";
import { buildControlPlane } from "../../../infra/local/real-kubernetes/build.ts";
import { startControlPlane } from "../../../infra/local/real-kubernetes/control-plane.ts";
import { requirePrivateNetwork } from "../../../infra/local/real-kubernetes/private-network.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The real control plane of this run. */
    controlPlane: { binary: string; adminFile: string };
  }
}

/** One control plane for all test files of the project; each leaves it without nodes. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  await requirePrivateNetwork();
  const binary = await buildControlPlane((line) => process.stderr.write(`${line}\n`));
  const controlPlane = await startControlPlane(binary);
  project.provide("controlPlane", { binary, adminFile: controlPlane.adminFile });
  return () => controlPlane.stop();
}
