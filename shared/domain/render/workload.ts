import { canonicalJson, sha256 } from "../digest.ts";
import { InvalidManifestError, list, MODEL_CONTAINER, record } from "../manifest.ts";
import type { TargetPolicy } from "../policy.ts";
import { ANNOTATIONS, type KubernetesObject, LABELS } from "../release.ts";
import { type Renamed, rename } from "./configuration.ts";
import { labelsOf, selectorOf, withIdentity } from "./identity.ts";

/** The init container that waits for MLflow; it stays only where the policy says that the model needs MLflow. */
const MLFLOW_CHECK = "check-mlflow";

/** How many pods a workload has: always so many, or so many to begin with and then as many as its autoscaler says. */
export interface Replicas {
  replicas: number;
  autoscaled: boolean;
}

/** The Deployment of a release, and the value of its template label. */
export function renderWorkload(
  object: KubernetesObject,
  policy: TargetPolicy,
  image: string,
  renamed: Renamed,
  { replicas, autoscaled }: Replicas,
): { object: KubernetesObject; template: string } {
  const spec = record(object["spec"]);
  const template = record(spec["template"]);
  const podSpec = record(rename(setImage(record(template["spec"]), image, policy), renamed));
  const metadata = record(template["metadata"]);
  const labels = { ...record(metadata["labels"]), ...labelsOf(policy) };
  const hash = sha256(canonicalJson({ ...template, metadata: { ...metadata, labels }, spec: podSpec })).slice(0, 16);
  return {
    template: hash,
    object: {
      ...(autoscaled ? withAutoscaler(object, policy) : withIdentity(object, policy.workload, policy)),
      spec: {
        ...spec,
        replicas,
        selector: { matchLabels: selectorOf(policy) },
        strategy: {
          type: "RollingUpdate",
          rollingUpdate: { maxSurge: policy.rollout.maxSurge, maxUnavailable: policy.rollout.maxUnavailable },
        },
        progressDeadlineSeconds: progressDeadline(policy),
        template: {
          ...template,
          metadata: { ...metadata, labels: { ...labels, [LABELS.template]: hash } },
          spec: podSpec,
        },
      },
    },
  };
}

/** Whoever applies it leaves the replicas of what is there as they are. */
function withAutoscaler(object: KubernetesObject, policy: TargetPolicy): KubernetesObject {
  const annotations = { ...object.metadata.annotations, [ANNOTATIONS.replicas]: "autoscaler" };
  return withIdentity({ ...object, metadata: { ...object.metadata, annotations } }, policy.workload, policy);
}

/** Kubernetes should say "stuck" before Belay runs out of time, so that the ending can name what it was. */
function progressDeadline(policy: TargetPolicy): number {
  return Math.max(1, Math.floor(policy.rollout.timeoutSeconds * 0.9));
}

function setImage(podSpec: Readonly<Record<string, unknown>>, image: string, policy: TargetPolicy) {
  const containers = list(podSpec["containers"]).map(record);
  if (!containers.some(({ name }) => name === MODEL_CONTAINER))
    throw new InvalidManifestError(`The Deployment has no container named "${MODEL_CONTAINER}".`);
  return {
    ...podSpec,
    ...initContainers(podSpec, image, policy),
    containers: containers.map((container) =>
      container["name"] === MODEL_CONTAINER ? { ...container, image, ...startupProbe(container, policy) } : container,
    ),
  };
}

/** The check runs in the model's own image: nothing else has to be pulled, or trusted. */
function initContainers(podSpec: Readonly<Record<string, unknown>>, image: string, { network }: TargetPolicy) {
  if (podSpec["initContainers"] === undefined) return {};
  const checks = network?.mlflow !== undefined;
  return {
    initContainers: list(podSpec["initContainers"])
      .map(record)
      .filter(({ name }) => checks || name !== MLFLOW_CHECK)
      .map((container) => (container["name"] === MLFLOW_CHECK ? { ...container, image } : container)),
  };
}

/** The time a pod may take to start is the policy's: the startup probe's period stays, its threshold follows. */
function startupProbe(container: Readonly<Record<string, unknown>>, policy: TargetPolicy) {
  const probe = container["startupProbe"];
  if (probe === undefined) return {};
  const period = record(probe)["periodSeconds"];
  const periodSeconds = typeof period === "number" && period > 0 ? period : 10;
  const failureThreshold = Math.max(1, Math.ceil(policy.rollout.startupSeconds / periodSeconds));
  return { startupProbe: { ...record(probe), periodSeconds, failureThreshold } };
}

/** The first port of the model's container. */
export function containerPort(workload: KubernetesObject): number {
  const podSpec = record(record(record(workload["spec"])["template"])["spec"]);
  const container = list(podSpec["containers"])
    .map(record)
    .find(({ name }) => name === MODEL_CONTAINER);
  const port = list(container?.["ports"]).map(record)[0]?.["containerPort"];
  if (typeof port !== "number")
    throw new InvalidManifestError(`The container "${MODEL_CONTAINER}" names no containerPort.`);
  return port;
}
