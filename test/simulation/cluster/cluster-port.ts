import { collectionPath, KINDS, PRUNED_KINDS } from "../../../shared/adapters/kubernetes/kinds.ts";
import { PermanentError } from "../../../shared/domain/errors.ts";
import { readPodTemplate } from "../../../shared/domain/pod-template.ts";
import { isAutoscaled, type KubernetesObject, LABELS } from "../../../shared/domain/release.ts";
import type { WorkloadStatus } from "../../../shared/domain/rollout-status.ts";
import type { Cluster, ObservedObject, OwnedObject } from "../../../shared/ports/cluster.ts";
import type { DeploymentController } from "./deployment-controller.ts";
import { refusal, specOf, templateLabel } from "./deployment-spec.ts";
import type { EventQueue } from "./event-queue.ts";
import { merged } from "./field-owners.ts";
import { adopt } from "./frozen-json.ts";
import { lastLinesOf, statusOf } from "./pod-status.ts";
import type { Pods } from "./pods.ts";
import { observe, type Store, type StoredObject } from "./store.ts";

export interface PortDependencies {
  store: Store;
  queue: EventQueue;
  pods: Pods;
  controller: DeploymentController;
  /** Plays what was due before a call. */
  play(): void;
}

const KNOWN_KINDS = new Set(KINDS.map(({ apiVersion, kind }) => `${apiVersion}/${kind}`));

/** The port to one namespace; every call takes effect at once, inside the call. */
export function createClusterPort(dependencies: PortDependencies, namespace: string): Cluster {
  const { store, pods, controller, play } = dependencies;
  return {
    read: async (reference) => {
      play();
      refuseUnknownKind(reference);
      const stored = store.find(namespace, reference);
      return stored === undefined ? undefined : observe(stored);
    },
    apply: async (object, seen) => {
      play();
      refuseUnknownKind(object);
      const given = inNamespace(object, namespace);
      const known = store.find(namespace, given);
      if (known !== undefined) return change(store, known, given, seen);
      if (seen !== undefined) return "conflict";
      refuseInvalid(given, undefined);
      store.create(namespace, given, "belay");
      return "applied";
    },
    remove: async ({ reference, uid, resourceVersion }) => {
      play();
      refuseUnknownKind(reference);
      const known = store.find(namespace, reference);
      if (known === undefined || !isSeen(known, { uid, resourceVersion })) return;
      store.remove(known, "belay");
    },
    listOwned: async (target) => {
      play();
      return ownedBy(store.list(namespace), target);
    },
    // No custom resource definition is there.
    kinds: async () => [],
    workload: async (name) => {
      play();
      const found = controller.workload(namespace, name);
      return found === undefined ? undefined : toWorkloadStatus(found);
    },
    pods: async (template) => {
      play();
      const found = [...pods.in(namespace).values()].filter((pod) => templateLabel(pod.template) === template);
      return found.sort((a, b) => (a.name < b.name ? -1 : 1)).map(statusOf);
    },
    lastLines: async (name, container, lines) => {
      play();
      const pod = pods.in(namespace).get(name);
      const log = pod === undefined ? undefined : lastLinesOf(pod, container);
      if (log === undefined)
        throw new PermanentError("rollout-refused", `The log of ${name}: the API server refused it.`);
      return log.slice(-lines);
    },
    ping: async () => play(),
  };
}

function refuseUnknownKind({ apiVersion, kind }: Pick<KubernetesObject, "apiVersion" | "kind">): void {
  if (!KNOWN_KINDS.has(`${apiVersion}/${kind}`)) collectionPath(apiVersion, kind, "");
}

function inNamespace(object: KubernetesObject, namespace: string): KubernetesObject {
  const { kind, metadata } = object;
  if (metadata.namespace === namespace) return object;
  if (metadata.namespace === undefined) return { ...object, metadata: { ...metadata, namespace } };
  throw new PermanentError(
    "rollout-refused",
    `Applying ${kind} ${metadata.name}: the API server refused it (400). Its namespace is not ${namespace}.`,
  );
}

/** A foreign field is found before a stale version is, as on a real server. */
function change(
  store: Store,
  known: StoredObject,
  given: KubernetesObject,
  seen: ObservedObject | undefined,
): "applied" | "conflict" {
  if (isSeen(known, seen ?? { uid: "", resourceVersion: "" })) takeBackReplicas(known, given);
  const config = adopt(sized(given, known.live), known.config);
  const live = merged(known, config);
  if (seen === undefined || !isSeen(known, seen)) return "conflict";
  refuseInvalid(live, known.live);
  store.put(known, config, live, "belay");
  return "applied";
}

/** An autoscaler's workload keeps the number it has; at none the autoscaler is switched off. */
function sized(given: KubernetesObject, live: KubernetesObject): KubernetesObject {
  if (!isAutoscaled(given) || live.kind !== given.kind) return given;
  const { replicas } = specOf(live);
  return replicas === 0 ? given : { ...given, spec: { ...(given["spec"] as object), replicas } };
}

/** The number was left to an autoscaler, and is Belay's again. */
function takeBackReplicas({ live, foreign }: StoredObject, given: KubernetesObject): void {
  if (isAutoscaled(live) && !isAutoscaled(given)) foreign.delete(["spec", "replicas"].join("\0"));
}

function isSeen(known: StoredObject, seen: Pick<ObservedObject, "uid" | "resourceVersion">): boolean {
  const { uid, resourceVersion } = observe(known);
  return uid === seen.uid && resourceVersion === seen.resourceVersion;
}

function refuseInvalid(after: KubernetesObject, before: KubernetesObject | undefined): void {
  const reason = refusal(after, before);
  if (reason === undefined) return;
  throw new PermanentError(
    "rollout-refused",
    `Applying ${after.kind} ${after.metadata.name}: the API server refused it (422). ${reason}`,
  );
}

function ownedBy(objects: readonly StoredObject[], target: string): readonly OwnedObject[] {
  const labelled = objects
    .filter(({ live }) => live.metadata.labels?.[LABELS.target] === target)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return PRUNED_KINDS.flatMap(({ apiVersion, kind }) =>
    labelled
      .filter((stored) => stored.kind === kind && stored.live.apiVersion === apiVersion)
      .map((stored) => ({
        ...observe(stored),
        reference: { apiVersion, kind, metadata: { name: stored.name, namespace: stored.namespace } },
      })),
  );
}

function toWorkloadStatus({
  stored,
  status,
}: NonNullable<ReturnType<DeploymentController["workload"]>>): WorkloadStatus {
  const { progress } = status;
  return {
    name: stored.name,
    generation: stored.generation,
    observedGeneration: status.observedGeneration,
    specReplicas: specOf(stored.live).replicas,
    replicas: status.replicas,
    updatedReplicas: status.updatedReplicas,
    availableReplicas: status.availableReplicas,
    template: readPodTemplate(stored.live["spec"]),
    ...(progress === undefined ? {} : { progressing: { reason: progress.reason, message: progress.message } }),
  };
}
