import { canonicalJson, sha256 } from "./digest.ts";
import { InvalidManifestError, list, record } from "./manifest.ts";
import type { ModelIdentity } from "./model.ts";
import type { PredictionSample, TargetPolicy } from "./policy.ts";
import { isWorkload, type KubernetesObject, type Release } from "./release.ts";
import { kindText, releaseKind } from "./release-kinds.ts";
import { replicasOf } from "./render/autoscaler.ts";
import { createRenderer } from "./render/beside.ts";
import { hashedConfig } from "./render/configuration.ts";
import { refuseUnfit } from "./render/refuse-unfit.ts";
import { containerPort, renderWorkload } from "./render/workload.ts";

/** Custom kinds that the cluster knows, as `kindText` writes them. */
export type ServedKinds = ReadonlySet<string>;

/**
 * Renders base manifests into a release: image by digest, names, labels, replicas, strategy, needs of the network, and
 * configuration under hashed immutable names, so that old pods keep the old configuration. Pure.
 * @throws InvalidManifestError
 */
export function renderRelease(
  manifests: readonly KubernetesObject[],
  policy: TargetPolicy,
  model: ModelIdentity,
  image: string,
  samples: readonly PredictionSample[],
  served: ServedKinds = new Set(),
): Release {
  refuseUnfit(manifests);
  const isServed = (object: KubernetesObject) => releaseKind(object)?.custom !== true || served.has(kindText(object));
  const base = manifests.filter(isServed);
  const leftOut = manifests.filter((object) => !isServed(object));
  const config = base.filter(({ kind }) => kind === "ConfigMap").map((object) => hashedConfig(object, policy, model));
  const renamed = new Map(config.map(({ from, object }) => [from, object.metadata.name]));
  const deployment = single(base, "Deployment");
  const service = single(base, "Service");
  const workload = renderWorkload(deployment, policy, image, renamed, replicasOf(base, policy));
  const port = containerPort(workload.object);
  const others = base.filter((object) => object.kind !== "ConfigMap" && !isWorkload(object));
  const content = {
    image,
    model: { name: model.name, version: model.version, createdAt: model.createdAt },
    namespace: policy.namespace,
    workload: policy.workload,
    service: { name: policy.workload, port: servicePort(service) },
    containerPort: port,
    template: workload.template,
    samples,
    hashed: config.map(({ object }) => object),
    fixed: [...others.map(createRenderer({ policy, renamed, deployment, service, port, base })), workload.object],
    ...(leftOut.length === 0
      ? {}
      : { leftOut: leftOut.map((object) => `${kindText(object)} ${object.metadata.name}`) }),
  };
  return { id: sha256(canonicalJson(content)), ...content };
}

function single(base: readonly KubernetesObject[], kind: string): KubernetesObject {
  const [object, another] = base.filter((one) => one.kind === kind);
  if (object === undefined) throw new InvalidManifestError(`The base manifests hold no ${kind}.`);
  if (another !== undefined) throw new InvalidManifestError(`The base manifests hold more than one ${kind}.`);
  return object;
}

function servicePort(service: KubernetesObject): string {
  const port = list(record(service["spec"])["ports"]).map(record)[0];
  const value = port?.["name"] ?? port?.["port"];
  if (typeof value !== "string" && typeof value !== "number")
    throw new InvalidManifestError(`Service ${service.metadata.name} names no port.`);
  return String(value);
}
