import { deploymentId, hasEnded } from "../domain/deployment.ts";
import { readPodTemplate } from "../domain/pod-template.ts";
import { isWorkload, type Release } from "../domain/release.ts";
import type { WorkloadStatus } from "../domain/rollout-status.ts";
import { formatToken } from "../domain/token.ts";
import type { ClusterEvidence, SeenObject, TargetEvidence } from "./evidence.ts";
import type { Finding, FindingCode } from "./finding.ts";

interface ClusterContext {
  /** Epoch milliseconds. */
  now: number;
  graceMs: number;
}

/** What differs on the cluster, while nothing is under way, from the target's stable release. Pure. */
export function findOnCluster(evidence: TargetEvidence, context: ClusterContext): readonly Finding[] {
  const { record, cluster, stable, mayServeUnproven } = evidence;
  if (cluster === undefined || record === undefined) return [];
  const generation = record.changedBy ?? record.stable?.generation;
  const found = findingOf(evidence.target, generation);
  if (stable === undefined) return mayServeUnproven ? [] : findUnproven(cluster, found);
  return [
    ...(stable.release === undefined ? [] : findWorkload(stable.release, cluster.workload, found)),
    ...cluster.fixed.flatMap((object) => findToken(object, generation, found)),
    ...(isSettled(evidence, generation, context) ? leftBehind(cluster, stable.kept, found) : []),
  ];
}

type Found = (code: FindingCode, about: string, what: string) => Finding;

/** A finding that names the deployment which changed the cluster last. */
function findingOf(target: string, generation: number | undefined): Found {
  const deployment = generation === undefined ? undefined : deploymentId({ target, generation });
  const by = deployment === undefined ? "" : ` (last changed by ${deployment})`;
  return (code, about, what) => ({
    ...{ kind: "unexpected", code, target, about },
    ...(deployment === undefined ? {} : { deployment }),
    sentence: `${target}: ${what}${by}: look at the cluster's audit log and at the deployment's history.`,
  });
}

/** What an ending leaves behind is removed soon after it. */
function isSettled({ deployments }: TargetEvidence, generation: number | undefined, { now, graceMs }: ClusterContext) {
  const last = deployments.find(({ record }) => record.generation === generation)?.record;
  return last === undefined || !hasEnded(last) || now > last.endedAt + graceMs;
}

function findUnproven({ workload }: ClusterEvidence, found: Found): readonly Finding[] {
  if (workload === undefined || workload.specReplicas === 0) return [];
  const what = `${workload.name} has ${workload.specReplicas} pods, although no release was ever proven here`;
  return [found("not-stable", "unproven", what)];
}

function findWorkload(release: Release, workload: WorkloadStatus | undefined, found: Found): readonly Finding[] {
  if (workload === undefined)
    return [found("not-stable", "workload", `the workload ${release.workload} of the stable release is not there`)];
  return [...findTemplate(release, workload, found), ...findPods(workload, found)];
}

/** Image, template label and configuration names, each against the stable release's. */
function findTemplate(release: Release, { name, template }: WorkloadStatus, found: Found): readonly Finding[] {
  const rendered = release.fixed.find((object) => isWorkload(object) && object.metadata.name === release.workload);
  if (template === undefined || rendered === undefined) return [];
  const wanted = readPodTemplate(rendered["spec"]);
  const differs = (what: string, is: unknown, should: unknown): readonly Finding[] =>
    JSON.stringify(is) === JSON.stringify(should)
      ? []
      : [found("not-stable", what, `${name} has the ${what} ${text(is)}, the stable release ${text(should)}`)];
  return [
    ...Object.entries(wanted.images).flatMap(([container, image]) =>
      differs(`image of ${container}`, template.images[container], image),
    ),
    ...differs("template", template.label, wanted.label),
    ...differs("configuration", template.configuration, wanted.configuration),
  ];
}

function text(value: unknown): string {
  return Array.isArray(value) ? value.join(" and ") : String(value);
}

function findPods(workload: WorkloadStatus, found: Found): readonly Finding[] {
  const { name, specReplicas, replicas, updatedReplicas, availableReplicas } = workload;
  const whole =
    specReplicas > 0 &&
    replicas === specReplicas &&
    updatedReplicas === specReplicas &&
    availableReplicas === specReplicas;
  if (whole) return [];
  const what = `${name} has ${availableReplicas} available pods of ${specReplicas}, ${replicas - updatedReplicas} of another template`;
  return [found("not-stable", "pods", what)];
}

/** Every fixed-name object carries a token of the deployment that changed the cluster last. */
function findToken({ described, present, token }: SeenObject, generation: number | undefined, found: Found) {
  if (!present) return [found("not-stable", described, `${described} of the stable release is not there`)];
  if (token !== undefined && token.generation === generation) return [];
  const carries = token === undefined ? "no token of Belay's" : `the token ${formatToken(token)}`;
  return [found("foreign-token", described, `${described} carries ${carries}`)];
}

function leftBehind({ owned }: ClusterEvidence, kept: readonly string[], found: Found): readonly Finding[] {
  return owned
    .filter(({ key }) => !kept.includes(key))
    .map(({ described, token }) => {
      const of = token === undefined ? "without a token" : `with the token ${formatToken(token)}`;
      return found("left-behind", described, `${described}, ${of}, belongs to no release that is kept`);
    });
}
