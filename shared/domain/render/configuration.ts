import { canonicalJson, sha256 } from "../digest.ts";
import { record } from "../manifest.ts";
import type { ModelIdentity } from "../model.ts";
import type { TargetPolicy } from "../policy.ts";
import type { KubernetesObject } from "../release.ts";
import { withIdentity } from "./identity.ts";

/** New names of ConfigMaps by the names they have in the base. */
export type Renamed = ReadonlyMap<string, string>;

/** A ConfigMap under a name with the hash of its content, immutable, so that old pods keep the old one. */
export function hashedConfig(object: KubernetesObject, policy: TargetPolicy, model: ModelIdentity) {
  const from = object.metadata.name;
  const data = { ...record(object["data"]), ...mlflowOf(policy), MODEL_NAME: model.name, MODEL_VERSION: model.version };
  const hash = sha256(canonicalJson({ data, binaryData: object["binaryData"] })).slice(0, 10);
  const labelled = withIdentity(object, `${policy.workload}-${from}-${hash}`, policy);
  return { from, object: { ...labelled, data, immutable: true } };
}

function mlflowOf({ network }: TargetPolicy): Record<string, string> {
  return network?.mlflow === undefined ? {} : { MLFLOW_TRACKING_URI: network.mlflow.uri };
}

/** Members that hold a ConfigMap's name, by the member that holds them. */
const CONFIG_REFERENCES = new Set(["configMapRef", "configMapKeyRef", "configMap"]);

/** The same with every reference to a renamed ConfigMap following it. */
export function rename(value: unknown, renamed: Renamed): unknown {
  if (Array.isArray(value)) return value.map((member) => rename(member, renamed));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [
      key,
      CONFIG_REFERENCES.has(key) ? renameReference(record(member), renamed) : rename(member, renamed),
    ]),
  );
}

function renameReference(reference: Readonly<Record<string, unknown>>, renamed: Renamed) {
  const name = typeof reference["name"] === "string" ? renamed.get(reference["name"]) : undefined;
  return name === undefined ? reference : { ...reference, name };
}
