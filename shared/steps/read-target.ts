import { deploymentId } from "../domain/deployment.ts";
import { newTarget, type StableRelease } from "../domain/target.ts";
import type { DeploymentStore } from "../ports/deployment-store.ts";

/** A target as the `targets` function answers it. Times are ISO 8601. */
export interface TargetView {
  target: string;
  wanted?: { version: string; deployment: string };
  active?: string;
  waiting?: string;
  /** Whether the active deployment has begun to change the cluster. */
  changing: boolean;
  stable?: { version: string; image: string; deployment: string };
  hold?: { reason: string; since: string; by?: string };
  quarantine: readonly { version: string; since: string }[];
}

/** What a target wants, runs, and is kept from. */
export async function readTargetView(store: DeploymentStore, name: string): Promise<TargetView> {
  const target = (await store.readTarget(name)).record?.value ?? newTarget(name);
  const id = (generation: number) => deploymentId({ target: name, generation });
  const { wanted, active, waiting, stable, hold } = target;
  return {
    target: name,
    ...(wanted === undefined ? {} : { wanted: { version: wanted.model.version, deployment: id(wanted.generation) } }),
    ...(active === undefined ? {} : { active: id(active) }),
    ...(waiting === undefined ? {} : { waiting: id(waiting) }),
    changing: target.changing,
    ...(stable === undefined ? {} : { stable: toStable(stable, id) }),
    ...(hold === undefined ? {} : { hold: toHold(hold) }),
    quarantine: target.quarantine.map(({ model, endedAt }) => ({ version: model.version, since: iso(endedAt) })),
  };
}

function toStable({ model, image, generation }: StableRelease, id: (generation: number) => string) {
  return { version: model.version, image, deployment: id(generation) };
}

function toHold({ reason, since, by }: { reason: { message: string }; since: number; by?: string }) {
  return { reason: reason.message, since: iso(since), ...(by === undefined ? {} : { by }) };
}

function iso(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
