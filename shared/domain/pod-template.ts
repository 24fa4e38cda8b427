import { LABELS, type Release } from "./release.ts";

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
    images: Object.fromEntries(containers.map((one) => [text(member(one, "name")), text(member(one, "image"))])),
    ...(typeof label === "string" ? { label } : {}),
    configuration: [...new Set(configurationOf(spec, DEEPEST))].sort(),
  };
}

/** What of a template is not the release's, one sentence each. Pure. */
export function compareTemplate(release: Release, { images, label, configuration }: PodTemplate): readonly string[] {
  const { workload } = release;
  const object = release.fixed.find(({ metadata, kind }) => metadata.name === workload && kind === "Deployment");
  const applied = readPodTemplate(object?.["spec"]);
  const missing = applied.configuration.filter((name) => !configuration.includes(name));
  // Containers that others put beside them are nobody's concern.
  const other = Object.entries(applied.images).filter(([name, image]) => images[name] !== image);
  return [
    ...other.map(
      ([name, image]) => `${workload} runs ${images[name] ?? "no image"} in ${name}, not the release's ${image}.`,
    ),
    ...(label === release.template ? [] : [`The pods of ${workload} are not of the release's template.`]),
    ...missing.map((name) => `${workload} does not use the configuration ${name}.`),
  ];
}

/** No pod is nested deeper; what is may be nested without end. */
const DEEPEST = 32;

function configurationOf(value: unknown, levels: number): readonly string[] {
  if (levels === 0 || value === null || typeof value !== "object") return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const name = CONFIG_REFERENCES.has(key) ? member(inner, "name") : undefined;
    return typeof name === "string" ? [name] : configurationOf(inner, levels - 1);
  });
}

function member(value: unknown, name: string): unknown {
  return value !== null && typeof value === "object" ? Reflect.get(value, name) : undefined;
}

/** An object's own way to become text is the other side's. */
function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
