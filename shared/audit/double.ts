import { type Deployment, deploymentId, hasEnded } from "../domain/deployment.ts";
import { sameModel } from "../domain/model.ts";
import { ENDINGS } from "../domain/pipeline.ts";
import type { Visit } from "../domain/visit.ts";
import type { BuildEvidence, DeploymentEvidence, TargetEvidence } from "./evidence.ts";
import type { Finding } from "./finding.ts";

/** What was to happen once and happened more often. Pure. */
export function findDouble(evidence: TargetEvidence): readonly Finding[] {
  const { target, deployments, builds } = evidence;
  return [
    ...acceptedTwice(
      target,
      deployments.map(({ record }) => record),
    ),
    ...deployments.flatMap(twiceInHistory),
    ...builds.flatMap((build) => builtTwice(target, build)),
  ];
}

/**
 * The same promotion for the same version twice in a row. A message that comes again after the registry has moved on is
 * taken for what the registry says then, which is another wish.
 */
function acceptedTwice(target: string, records: readonly Deployment[]): readonly Finding[] {
  const byGeneration = [...records].sort((a, b) => a.generation - b.generation);
  return byGeneration.flatMap((record, index): Finding[] => {
    const before = byGeneration[index - 1];
    if (before === undefined || before.promotion.id !== record.promotion.id) return [];
    if (!sameModel(before.model, record.model)) return [];
    const [first, deployment, about] = [deploymentId(before), deploymentId(record), record.promotion.id];
    const sentence = `${target}: the promotion ${about} was accepted as ${first} and once more as ${deployment}: look at their histories and at the queue promotions.`;
    return [{ kind: "double", code: "accepted-twice", target, deployment, about, sentence }];
  });
}

/** In order; equal sequences stay next to each other. */
export function inOrder(history: readonly Visit[]): readonly Visit[] {
  return [...history].sort((a, b) => a.sequence - b.sequence);
}

function twiceInHistory({ record, history }: DeploymentEvidence): readonly Finding[] {
  const visits = inOrder(history);
  const found = (code: Finding["code"], about: string, what: string): Finding => {
    const { target } = record;
    const deployment = deploymentId(record);
    const sentence = `${target}: the deployment ${deployment} ${what}: look at its history.`;
    return { kind: "double", code, target, deployment, about, sentence };
  };
  return [
    ...visits
      .filter((visit, index) => visits[index - 1]?.sequence === visit.sequence)
      .map(({ sequence }) => found("sequence-twice", String(sequence), `has two visits of sequence ${sequence}`)),
    ...appliedAgain(visits).map(({ applied, sequence }) =>
      found(
        "applied-twice",
        String(sequence),
        `applied its ${applied} once more with the token ${record.generation}.${sequence - 1}`,
      ),
    ),
    ...afterEnding(record, visits).map((sequence) =>
      found("saved-after-ending", String(sequence), `was saved as sequence ${sequence} after its ending`),
    ),
  ];
}

/** Visits that applied what an earlier one had applied; the same token once more is a repeat and leaves no visit. */
function appliedAgain(visits: readonly Visit[]): readonly Visit[] {
  const known = new Set<string>();
  return visits.filter(({ applied }, index) => {
    if (applied === undefined || visits[index - 1]?.applied === applied) return false;
    const again = known.has(applied);
    known.add(applied);
    return again;
  });
}

function afterEnding(record: Deployment, visits: readonly Visit[]): readonly number[] {
  const endings: readonly string[] = ENDINGS;
  const ending = visits.find(({ next }) => endings.includes(next));
  const ended = hasEnded(record) ? record.sequence : Number.POSITIVE_INFINITY;
  const end = Math.min(ending?.sequence ?? ended, ended);
  const saved = [...visits.map(({ sequence }) => sequence), record.sequence];
  return [...new Set(saved.filter((sequence) => sequence > end))];
}

function builtTwice(target: string, { key, succeeded }: BuildEvidence): readonly Finding[] {
  if (succeeded.length < 2) return [];
  const sentence = `${target}: the image of the build key ${key} was built by ${succeeded.join(" and ")}: look at these task runs and at the image's tags.`;
  return [{ kind: "double", code: "built-twice", target, about: key, sentence }];
}
