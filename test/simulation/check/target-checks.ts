import { deploymentId, hasEnded } from "../../../shared/domain/deployment.ts";
import { identityKey } from "../../../shared/domain/model.ts";
import type { Target } from "../../../shared/domain/target.ts";
import type { Evidence } from "./checks.ts";
import type { Transaction } from "./records.ts";

/** What must hold for every save of a target's row. */
export function checkTarget(
  evidence: Evidence,
  transaction: Transaction,
  before: Target | undefined,
  after: Target,
): void {
  const { fail, records } = evidence;
  if (before !== undefined && after.generation < before.generation)
    fail("I5", `${after.name}'s generation went back from ${before.generation} to ${after.generation}`);
  const known = records.get(after.name);
  const active = after.active === undefined ? undefined : known?.get(after.active);
  if (after.active !== undefined && (active === undefined || hasEnded(active)))
    fail(
      "I3",
      `${after.name} names ${after.active} as active, which ${active === undefined ? "is not there" : "has ended"}`,
    );
  checkStable(evidence, transaction, before, after);
  checkQuarantine(evidence, transaction, before, after);
}

function checkStable(
  { fail }: Evidence,
  { deployments }: Transaction,
  before: Target | undefined,
  after: Target,
): void {
  if (after.stable === undefined || JSON.stringify(before?.stable) === JSON.stringify(after.stable)) return;
  const proven = deployments.find(({ after: record }) => record.phase === "Succeeded");
  if (proven === undefined || proven.after.generation !== after.stable.generation)
    fail("I4", `${after.name} has a stable release that no ending in the same transaction has proven`);
}

/** Only what failed by its own fault is kept out. */
function checkQuarantine(
  { fail }: Evidence,
  { deployments }: Transaction,
  before: Target | undefined,
  after: Target,
): void {
  const known = new Set(before?.quarantine.map(({ model, endedAt }) => `${identityKey(model)}|${endedAt}`));
  for (const { model, endedAt } of after.quarantine) {
    if (known.has(`${identityKey(model)}|${endedAt}`)) continue;
    const ended = deployments.find(({ after: record }) => identityKey(record.model) === identityKey(model))?.after;
    if (ended === undefined || !hasEnded(ended) || ended.phase === "Succeeded")
      fail("I6", `${after.name} quarantines version ${model.version} without an ending that says why`);
    else if ((ended.cause ?? ended.problem).kind === "errored")
      fail("I6", `${after.name} quarantines version ${model.version}, and ${deploymentId(ended)} could not find out`);
  }
}
