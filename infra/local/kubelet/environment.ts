import type {
  V1ConfigMap,
  V1Container,
  V1EnvFromSource,
  V1EnvVar,
  V1ObjectFieldSelector,
  V1Pod,
  V1Secret,
} from "@kubernetes/client-node";
import { ConfigError } from "./config-error.ts";

/** Where a pod's configuration is read; undefined when the object does not exist. */
export type Sources = {
  configMap(name: string): Promise<V1ConfigMap | undefined>;
  secret(name: string): Promise<V1Secret | undefined>;
  /** A token of the pod's service account, bound to the pod. */
  serviceAccountToken(audience: string | undefined, expirationSeconds: number | undefined): Promise<string>;
};

/** A pod and what its node knows of it before the status says so. */
export type PodFacts = { readonly pod: V1Pod; readonly podIP: string; readonly hostIP: string };

/**
 * Replaces $(NAME) by the value of a known name and leaves the others; $$ is one dollar sign.
 * Rules: k8s.io/kubernetes/third_party/forked/golang/expansion.
 */
export function expand(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\$(?:\$|\(([^)]*)\))/g, (match, name: string | undefined) => {
    if (name === undefined) return "$";
    return Object.hasOwn(values, name) ? (values[name] ?? "") : match;
  });
}

/** The variables a container's manifest defines: envFrom first, then env in order; throws ConfigError. */
export async function containerEnv(
  container: V1Container,
  facts: PodFacts,
  sources: Sources,
): Promise<Record<string, string>> {
  const env: Record<string, string> = {};
  for (const source of container.envFrom ?? []) Object.assign(env, await allOf(source, sources));
  for (const variable of container.env ?? []) {
    const value = await variableValue(variable, env, facts, sources);
    if (value !== undefined) env[variable.name] = value;
  }
  return env;
}

async function allOf({ prefix = "", configMapRef, secretRef }: V1EnvFromSource, sources: Sources) {
  const data = configMapRef
    ? await configMapData(configMapRef.name ?? "", configMapRef.optional, sources)
    : await secretData(secretRef?.name ?? "", secretRef?.optional, sources);
  return Object.fromEntries(Object.entries(data ?? {}).map(([key, value]) => [prefix + key, value.toString("utf8")]));
}

async function variableValue(
  { name, value, valueFrom }: V1EnvVar,
  env: Readonly<Record<string, string>>,
  facts: PodFacts,
  sources: Sources,
): Promise<string | undefined> {
  if (!valueFrom) return expand(value ?? "", env);
  const { fieldRef, configMapKeyRef, secretKeyRef } = valueFrom;
  if (fieldRef) return fieldValue(fieldRef, facts);
  if (configMapKeyRef) {
    const { name: source = "", key, optional } = configMapKeyRef;
    return keyOf(await configMapData(source, optional, sources), key, optional, `ConfigMap ${source}`);
  }
  if (secretKeyRef) {
    const { name: source = "", key, optional } = secretKeyRef;
    return keyOf(await secretData(source, optional, sources), key, optional, `Secret ${source}`);
  }
  throw new ConfigError(`env ${name}: only value, fieldRef, configMapKeyRef and secretKeyRef are implemented`);
}

function keyOf(
  data: Readonly<Record<string, Buffer>> | undefined,
  key: string,
  optional: boolean | undefined,
  source: string,
): string | undefined {
  const value = data?.[key]?.toString("utf8");
  if (value === undefined && !optional) throw new ConfigError(`couldn't find key ${key} in ${source}`);
  return value;
}

/** Everything a ConfigMap holds, as bytes; undefined when it is optional and absent; throws ConfigError when it is only absent. */
export async function configMapData(
  name: string,
  optional: boolean | undefined,
  sources: Sources,
): Promise<Record<string, Buffer> | undefined> {
  const found = await sources.configMap(name);
  if (!found) return absent(`configmap "${name}" not found`, optional);
  return { ...decoded(found.data, "utf8"), ...decoded(found.binaryData, "base64") };
}

/** Everything a Secret holds, as bytes; undefined when it is optional and absent; throws ConfigError when it is only absent. */
export async function secretData(
  name: string,
  optional: boolean | undefined,
  sources: Sources,
): Promise<Record<string, Buffer> | undefined> {
  const found = await sources.secret(name);
  return found ? decoded(found.data, "base64") : absent(`secret "${name}" not found`, optional);
}

function decoded(data: Readonly<Record<string, string>> | undefined, encoding: BufferEncoding): Record<string, Buffer> {
  return Object.fromEntries(Object.entries(data ?? {}).map(([key, value]) => [key, Buffer.from(value, encoding)]));
}

function absent(message: string, optional: boolean | undefined): undefined {
  if (!optional) throw new ConfigError(message);
}

/** A field of the downward API, for variables and files alike; throws ConfigError for a path that is not supported. */
export function fieldValue({ fieldPath }: V1ObjectFieldSelector, { pod, podIP, hostIP }: PodFacts): string {
  const { metadata, spec } = pod;
  const [, map, key] = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(fieldPath) ?? [];
  if (map !== undefined && key !== undefined) {
    return (map === "labels" ? metadata?.labels : metadata?.annotations)?.[key] ?? "";
  }
  const fields: Record<string, string | undefined> = {
    "metadata.name": metadata?.name,
    "metadata.namespace": metadata?.namespace,
    "metadata.uid": metadata?.uid,
    "metadata.labels": lines(metadata?.labels),
    "metadata.annotations": lines(metadata?.annotations),
    "spec.nodeName": spec?.nodeName,
    "spec.serviceAccountName": spec?.serviceAccountName ?? "default",
    "status.podIP": podIP,
    "status.podIPs": podIP,
    "status.hostIP": hostIP,
    "status.hostIPs": hostIP,
  };
  const value = fields[fieldPath];
  if (value === undefined) throw new ConfigError(`unsupported fieldPath: ${fieldPath}`);
  return value;
}

function lines(map: Readonly<Record<string, string>> | undefined): string {
  const entries = Object.entries(map ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join("\n");
}
