import { type Deployment, deploymentId, hasEnded } from "../domain/deployment.ts";
import { inOrder } from "./double.ts";
import { type DeploymentEvidence, MAX_HISTORY, type TargetEvidence } from "./evidence.ts";
import type { Finding, FindingCode } from "./finding.ts";
import { findOnCluster } from "./on-cluster.ts";

interface UnexpectedContext {
  /** Epoch milliseconds. */
  now: number;
  graceMs: number;
}

/** A state that nobody asked for. What lies on the cluster is judged only while nothing is under way. Pure. */
export function findUnexpected(evidence: TargetEvidence, context: UnexpectedContext): readonly Finding[] {
  const { deployments } = evidence;
  const atRest = deployments.every(({ record }) => hasEnded(record));
  return [
    ...findHold(evidence),
    ...deployments.flatMap(historyGap),
    ...findStable(evidence),
    ...(atRest ? findOnCluster(evidence, context) : []),
  ];
}

function findHold({ target, record }: TargetEvidence): readonly Finding[] {
  if (record?.hold === undefined) return [];
  const { reason, since, generation, by } = record.hold;
  const who = by === undefined ? "" : ` by ${by}`;
  return [
    {
      kind: "unexpected",
      code: "held",
      target,
      deployment: deploymentId({ target, generation }),
      sentence: `${target}: the target is held since ${new Date(since).toISOString()}${who}, by the deployment ${deploymentId({ target, generation })}: ${reason.message} ${reason.remedy}`,
    },
  ];
}

function historyGap({ record, history }: DeploymentEvidence): readonly Finding[] {
  // What was not read to its end has no end to be missed.
  if (history.length >= MAX_HISTORY) return [];
  const seen = new Set(inOrder(history).map(({ sequence }) => sequence));
  const missing = Array.from({ length: record.sequence }, (_, index) => index + 1).find((one) => !seen.has(one));
  if (missing === undefined) return [];
  const { target } = record;
  const deployment = deploymentId(record);
  const sentence = `${target}: the history of the deployment ${deployment} lacks the visit of sequence ${missing}, although the record is at ${record.sequence}: look at the rows visit:… of its partition.`;
  return [{ kind: "unexpected", code: "history-gap", target, deployment, about: String(missing), sentence }];
}

/** What a rollback would need: the stable release's row, its image, and a record that proved it. */
function findStable({ target, record, stable, deployments }: TargetEvidence): readonly Finding[] {
  const { stable: named } = record ?? {};
  if (named === undefined || stable === undefined) return [];
  const deployment = deploymentId({ target, generation: named.generation });
  const found = (about: string, sentence: string): Finding => {
    const code: FindingCode = "stable-missing";
    return { kind: "unexpected", code, target, deployment, about, sentence: `${target}: ${sentence}` };
  };
  const proof = deployments.find(({ record: one }) => one.generation === named.generation)?.record;
  return [
    ...(stable.release === undefined
      ? [
          found(
            "release",
            `the stable release ${named.releaseId.slice(0, 12)} of the deployment ${deployment} is not in the table: look for the row release:… of its partition.`,
          ),
        ]
      : []),
    ...(stable.imageExists
      ? []
      : [
          found(
            "image",
            `the stable image ${named.image} of the deployment ${deployment} is not in the registry: look for who deleted it.`,
          ),
        ]),
    ...(proof === undefined || proves(proof, named.image)
      ? []
      : [
          found(
            "proof",
            `the stable release is said to be proven by the deployment ${deployment}, which is ${proof.phase}: look at both rows.`,
          ),
        ]),
  ];
}

function proves(record: Deployment, image: string): boolean {
  return record.phase === "Succeeded" && record.serving.image === image;
}
