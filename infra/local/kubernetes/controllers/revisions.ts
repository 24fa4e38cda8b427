import { createHash } from "node:crypto";
import { canonical, equal } from "../json.ts";
import type { Deployment, PodTemplate, ReplicaSet } from "../objects.ts";
import { controllerReference } from "./recorder.ts";
import { bounds, DESIRED, MAXIMUM, newSetReplicas } from "./replica-counts.ts";

/** Annotation on Deployments and ReplicaSets. */
export const REVISION = "deployment.kubernetes.io/revision";
const HISTORY = "deployment.kubernetes.io/revision-history";
const HASH = "pod-template-hash";
const NOT_COPIED = new Set([
  "kubectl.kubernetes.io/last-applied-configuration",
  "deprecated.deployment.rollback.to",
  REVISION,
  HISTORY,
  DESIRED,
  MAXIMUM,
]);

/** The ReplicaSet of the Deployment's present template, if there is one: the oldest that equals it. */
export function findNewSet(deployment: Deployment, sets: readonly ReplicaSet[]): ReplicaSet | undefined {
  return byAge(sets).find(({ spec }) => equal(withoutHash(spec.template), withoutHash(deployment.spec.template)));
}

/** Oldest first. */
export function byAge(sets: readonly ReplicaSet[]): ReplicaSet[] {
  const created = ({ metadata }: ReplicaSet) => Date.parse(metadata.creationTimestamp);
  return [...sets].sort((a, b) => created(a) - created(b) || (a.metadata.name < b.metadata.name ? -1 : 1));
}

function withoutHash(template: PodTemplate): PodTemplate {
  const { [HASH]: _, ...labels } = template.metadata?.labels ?? {};
  return { ...template, metadata: { ...template.metadata, labels } };
}

/** The revision of a set; 0 when it has none. */
export function revisionOf({ metadata }: ReplicaSet): number {
  return Number(metadata.annotations?.[REVISION] ?? 0);
}

/** The revision the newest set must have, given the others. */
function nextRevision(oldSets: readonly ReplicaSet[]): number {
  return Math.max(0, ...oldSets.map(revisionOf)) + 1;
}

/** What to create for a template that has no ReplicaSet yet. */
export function draftSet(deployment: Deployment, oldSets: readonly ReplicaSet[]) {
  const { template, selector, minReadySeconds, replicas } = deployment.spec;
  const hash = hashOf(template);
  const labels = { ...template.metadata?.labels, [HASH]: hash };
  return {
    metadata: {
      name: `${deployment.metadata.name}-${hash}`,
      labels,
      ownerReferences: [controllerReference(deployment)],
      annotations: {
        ...copied(deployment),
        [REVISION]: String(nextRevision(oldSets)),
        [DESIRED]: String(replicas),
        [MAXIMUM]: String(replicas + bounds(deployment).surge),
      },
    },
    spec: {
      replicas: newSetReplicas(deployment, oldSets, 0),
      ...(minReadySeconds === undefined ? {} : { minReadySeconds }),
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [HASH]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  };
}

const HASH_LETTERS = "bcdfghjklmnpqrstvwxz2456789";

function hashOf(template: PodTemplate): string {
  const digest = createHash("sha256").update(canonical(template)).digest().subarray(0, 10);
  return [...digest].map((byte) => HASH_LETTERS[byte % HASH_LETTERS.length]).join("");
}

const copied = ({ metadata }: Deployment): Record<string, string> =>
  Object.fromEntries(Object.entries(metadata.annotations ?? {}).filter(([key]) => !NOT_COPIED.has(key)));

/** The annotations a set that became the newest again must have; its former revision goes to the history. */
export function renewedAnnotations(
  deployment: Deployment,
  set: ReplicaSet,
  oldSets: readonly ReplicaSet[],
): Record<string, string> {
  const annotations = { ...set.metadata.annotations, ...copied(deployment) };
  const next = nextRevision(oldSets);
  const before = set.metadata.annotations?.[REVISION];
  if (Number(before ?? 0) >= next) return annotations;
  const history = annotations[HISTORY];
  return {
    ...annotations,
    [REVISION]: String(next),
    ...(before === undefined ? {} : { [HISTORY]: history ? `${history},${before}` : before }),
  };
}
