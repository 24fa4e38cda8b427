import { LABELS } from "./release.ts";

/** What a workload's pods are made of, as far as two releases differ in it. */
export interface PodTemplate {
  /** Image by container. */
  images: Readonly<Record<string, string>>;
  /** Value of the template label. */
  label?: string;
  /** Names of the ConfigMaps it refers to, sorted. */
  configuration: readonly string[];
}

/** Members that hold a ConfigMap's name, by the member that holds them. */
const CONFIG_REFERENCES = new Set(["configMapRef", "configMapKeyRef", "configMap"]);

/** Reads the template of a workload's `spec`; what is not there is left out. Pure. */
export function readPodTemplate(workload: unknown): PodTemplate {
  const template = member(workload, "template");
  const spec = member(template, "spec");
  const containers = [member(spec, "initContainers"), member(spec, "containers")].flatMap(list);
  const label = member(member(member(template, "metadata"), "labels"), LABELS.template);
  return {
    images: Object.fromEntries(containers.map((one) => [String(member(one, "name")), String(member(one, "image"))])),
    ...(typeof label === "string" ? { label } : {}),
    configuration: [...new Set(configurationOf(spec))].sort(),
  };
}

function configurationOf(value: unknown): readonly string[] {
  if (value === null || typeof value !== "object") return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const name = CONFIG_REFERENCES.has(key) ? member(inner, "name") : undefined;
    return typeof name === "string" ? [name] : configurationOf(inner);
  });
}

function member(value: unknown, name: string): unknown {
  return value !== null && typeof value === "object" ? Reflect.get(value, name) : undefined;
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
