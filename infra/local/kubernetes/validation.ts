import { objectsAt } from "./defaults.ts";
import { equal, isObject, type Json, type JsonObject, objectAt } from "./json.ts";
import type { KubeObject, LabelSelector } from "./objects.ts";
import type { Resource } from "./resources.ts";
import { selects } from "./selectors.ts";
import type { Cause } from "./status-error.ts";

/** Everything the real server would refuse in this object, as far as the stand-in checks it; `before` for an update. */
export function validate(resource: Resource, object: KubeObject, before: KubeObject | undefined): Cause[] {
  const spec = objectAt(object, "spec");
  const causes = [...metadataCauses(resource, object), ...(CHECKS[resource.plural]?.(spec, object) ?? [])];
  if (before === undefined) return causes;
  return [...causes, ...immutableCauses(resource, object, before)];
}

const required = (field: string): Cause => ({ reason: "FieldValueRequired", message: "Required value", field });
const refused = (field: string, value: Json | undefined, why: string): Cause => ({
  reason: "FieldValueInvalid",
  message: `Invalid value: ${JSON.stringify(value)}: ${why}`,
  field,
});
const duplicate = (field: string, value: Json | undefined): Cause => ({
  reason: "FieldValueDuplicate",
  message: `Duplicate value: ${JSON.stringify(value)}`,
  field,
});

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const QUALIFIED = /^([a-z0-9.-]{1,253}\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const LABEL_VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;
const CONFIG_KEY = /^[-._a-zA-Z0-9]{1,253}$/;
const ANNOTATIONS_BYTES = 256 * 1024;
const DATA_BYTES = 1024 * 1024;

function metadataCauses(resource: Resource, { metadata }: KubeObject): Cause[] {
  return [
    ...nameCauses(resource, metadata.name),
    ...Object.entries(metadata.labels ?? {}).flatMap(([key, value]) => labelCauses("metadata.labels", key, value)),
    ...annotationCauses(metadata.annotations ?? {}),
  ];
}

function nameCauses(resource: Resource, name: string): Cause[] {
  const field = "metadata.name";
  if (resource.group === "rbac.authorization.k8s.io")
    return /[/%]/.test(name) ? [refused(field, name, "may not contain '/' or '%'")] : [];
  const [pattern, longest, what] = ["Service", "Namespace"].includes(resource.kind)
    ? [LABEL, 63, "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-'"]
    : [SUBDOMAIN, 253, "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'"];
  if (name.length > longest) return [refused(field, name, `must be no more than ${longest} characters`)];
  return pattern.test(name)
    ? []
    : [refused(field, name, `${what}, and must start and end with an alphanumeric character`)];
}

function labelCauses(field: string, key: string, value: string): Cause[] {
  if (!QUALIFIED.test(key))
    return [refused(field, key, "name part must consist of alphanumeric characters, '-', '_' or '.'")];
  if (value.length > 63) return [refused(field, value, "must be no more than 63 characters")];
  return LABEL_VALUE.test(value)
    ? []
    : [
        refused(
          field,
          value,
          "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.'",
        ),
      ];
}

function annotationCauses(annotations: Readonly<Record<string, string>>): Cause[] {
  const bytes = Object.entries(annotations).reduce((sum, [key, value]) => sum + Buffer.byteLength(key + value), 0);
  const long = bytes > ANNOTATIONS_BYTES ? [tooLong("metadata.annotations", ANNOTATIONS_BYTES)] : [];
  const keys = Object.keys(annotations).filter((key) => !QUALIFIED.test(key.toLowerCase()));
  return [
    ...long,
    ...keys.map((key) =>
      refused("metadata.annotations", key, "name part must consist of alphanumeric characters, '-', '_' or '.'"),
    ),
  ];
}

const tooLong = (field: string, bytes: number): Cause => ({
  reason: "FieldValueTooLong",
  message: `Too long: may not be more than ${bytes} bytes`,
  field,
});

const CHECKS: Readonly<Record<string, (spec: JsonObject, object: KubeObject) => Cause[]>> = {
  pods: (spec) => podCauses(spec, "spec"),
  replicasets: (spec) => [...countCauses(spec, "replicas"), ...templateCauses(spec)],
  deployments: (spec) => [...countCauses(spec, "replicas"), ...templateCauses(spec), ...rolloutCauses(spec)],
  services: (spec) => serviceCauses(spec),
  configmaps: (_, object) => dataCauses(object),
  secrets: (_, object) => dataCauses(object),
  horizontalpodautoscalers: (spec) => autoscalerCauses(spec),
  poddisruptionbudgets: (spec) =>
    spec["minAvailable"] !== undefined && spec["maxUnavailable"] !== undefined
      ? [refused("spec", spec, "minAvailable and maxUnavailable cannot be both set")]
      : [],
  networkpolicies: () => [],
  ingresses: (spec) =>
    spec["defaultBackend"] === undefined && spec["rules"] === undefined
      ? [refused("spec", null, "either `defaultBackend` or `rules` must be specified")]
      : [],
  rolebindings: (_, object) => (isObject(object["roleRef"]) ? [] : [required("roleRef")]),
  endpointslices: (_, object) => (object["addressType"] === undefined ? [required("addressType")] : []),
};

function countCauses(holder: JsonObject, field: string): Cause[] {
  const value = holder[field];
  return typeof value === "number" && value < 0
    ? [refused(`spec.${field}`, value, "must be greater than or equal to 0")]
    : [];
}

function templateCauses(spec: JsonObject): Cause[] {
  const template = objectAt(spec, "template");
  return [
    ...selectorCauses(spec["selector"], template),
    ...podCauses(objectAt(template, "spec"), "spec.template.spec"),
  ];
}

/** Selects no labels at all: what is left of a selector that is missing. */
const NOTHING = { matchExpressions: [{ key: "", operator: "Exists" }] };

function selectorCauses(selector: Json | undefined, template: JsonObject): Cause[] {
  if (!isObject(selector)) return [required("spec.selector"), ...selectorCauses(NOTHING, template)];
  if (Object.keys(selector).length === 0)
    return [refused("spec.selector", selector, "empty selector is invalid for deployment")];
  const labels = objectAt(objectAt(template, "metadata"), "labels");
  // The schema pass has seen to it that selector and labels have these shapes.
  if (selects(selector as LabelSelector, labels as Record<string, string>)) return [];
  return [refused("spec.template.metadata.labels", labels, "`selector` does not match template `labels`")];
}

function rolloutCauses(spec: JsonObject): Cause[] {
  const { type, rollingUpdate } = objectAt(spec, "strategy");
  const causes: Cause[] = [];
  if (type !== "Recreate" && type !== "RollingUpdate")
    causes.push({
      reason: "FieldValueNotSupported",
      message: `Unsupported value: ${JSON.stringify(type)}: supported values: "Recreate", "RollingUpdate"`,
      field: "spec.strategy.type",
    });
  if (type === "Recreate" && rollingUpdate !== undefined)
    causes.push({
      reason: "FieldValueForbidden",
      message: "Forbidden: may not be specified when strategy `type` is 'Recreate'",
      field: "spec.strategy.rollingUpdate",
    });
  if (isObject(rollingUpdate)) causes.push(...boundCauses(rollingUpdate));
  if (Number(spec["progressDeadlineSeconds"]) <= Number(spec["minReadySeconds"] ?? 0))
    causes.push(
      refused("spec.progressDeadlineSeconds", spec["progressDeadlineSeconds"], "must be greater than minReadySeconds"),
    );
  return causes;
}

function boundCauses(update: JsonObject): Cause[] {
  const bounds = ["maxSurge", "maxUnavailable"].map((name) => ({ name, value: update[name] }));
  const bad = bounds.filter(({ value }) => (typeof value === "string" ? !/^\d+%$/.test(value) : Number(value) < 0));
  const causes = bad.map(({ name, value }) =>
    refused(`spec.strategy.rollingUpdate.${name}`, value, "must be a non-negative integer or a percentage"),
  );
  const both = bounds.every(({ value }) => Number.parseInt(String(value), 10) === 0);
  return both
    ? [
        ...causes,
        refused(
          "spec.strategy.rollingUpdate.maxUnavailable",
          update["maxUnavailable"] ?? 0,
          "may not be 0 when `maxSurge` is 0",
        ),
      ]
    : causes;
}

function podCauses(spec: JsonObject, path: string): Cause[] {
  const containers = objectsAt(spec, "containers");
  if (containers.length === 0) return [required(`${path}.containers`)];
  const volumes = objectsAt(spec, "volumes").map((volume) => volume["name"]);
  return [
    ...duplicates(volumes, (i) => `${path}.volumes[${i}].name`),
    ...duplicates(
      containers.map(({ name }) => name),
      (i) => `${path}.containers[${i}].name`,
    ),
    ...["containers", "initContainers"].flatMap((list) =>
      objectsAt(spec, list).flatMap((container, i) => containerCauses(container, `${path}.${list}[${i}]`, volumes)),
    ),
  ];
}

function duplicates(values: readonly (Json | undefined)[], field: (index: number) => string): Cause[] {
  return values.flatMap((value, i) => (values.indexOf(value) < i ? [duplicate(field(i), value)] : []));
}

function containerCauses(container: JsonObject, path: string, volumes: readonly (Json | undefined)[]): Cause[] {
  const { name, image } = container;
  const mounts = objectsAt(container, "volumeMounts");
  return [
    ...(name === undefined ? [required(`${path}.name`)] : []),
    ...(typeof name === "string" && !LABEL.test(name)
      ? [refused(`${path}.name`, name, "a lowercase RFC 1123 label is required")]
      : []),
    ...(image === undefined || image === "" ? [required(`${path}.image`)] : []),
    ...mounts.flatMap((mount, i) =>
      volumes.includes(mount["name"])
        ? []
        : [
            {
              reason: "FieldValueNotFound",
              message: `Not found: ${JSON.stringify(mount["name"])}`,
              field: `${path}.volumeMounts[${i}].name`,
            },
          ],
    ),
    ...objectsAt(container, "ports").flatMap((port, i) =>
      portCauses(port["containerPort"], `${path}.ports[${i}].containerPort`),
    ),
    ...probeCauses(container, path),
  ];
}

function portCauses(port: Json | undefined, field: string): Cause[] {
  if (port === undefined) return [required(field)];
  return typeof port === "number" && port >= 1 && port <= 65_535
    ? []
    : [refused(field, port, "must be between 1 and 65535, inclusive")];
}

const HANDLERS = ["exec", "httpGet", "tcpSocket", "grpc"];

function probeCauses(container: JsonObject, path: string): Cause[] {
  return ["livenessProbe", "readinessProbe", "startupProbe"].flatMap((name) => {
    const probe = container[name];
    if (!isObject(probe) || HANDLERS.some((handler) => probe[handler] !== undefined)) return [];
    return [
      {
        reason: "FieldValueRequired",
        message: "Required value: must specify a handler type",
        field: `${path}.${name}`,
      },
    ];
  });
}

function serviceCauses(spec: JsonObject): Cause[] {
  const ports = objectsAt(spec, "ports");
  const needsPorts = spec["type"] !== "ExternalName" && spec["clusterIP"] !== "None";
  return [
    ...(needsPorts && ports.length === 0 ? [required("spec.ports")] : []),
    ...ports.flatMap((port, i) => portCauses(port["port"], `spec.ports[${i}].port`)),
    ...(ports.length > 1
      ? ports.flatMap((port, i) => (port["name"] === undefined ? [required(`spec.ports[${i}].name`)] : []))
      : []),
    ...duplicates(
      ports.map(({ name }, i) => name ?? i),
      (i) => `spec.ports[${i}].name`,
    ),
  ];
}

function dataCauses(object: KubeObject): Cause[] {
  const entries = ["data", "binaryData"].flatMap((field) =>
    Object.entries(objectAt(object, field)).map(([key, value]) => ({
      field: `${field}[${key}]`,
      key,
      value: String(value),
    })),
  );
  const bytes = entries.reduce((sum, { value }) => sum + Buffer.byteLength(value), 0);
  return [
    ...(bytes > DATA_BYTES ? [tooLong("data", DATA_BYTES)] : []),
    ...entries.flatMap(({ field, key }) =>
      CONFIG_KEY.test(key)
        ? []
        : [refused(field, key, "a valid config key must consist of alphanumeric characters, '-', '_' or '.'")],
    ),
  ];
}

function autoscalerCauses(spec: JsonObject): Cause[] {
  const { maxReplicas, minReplicas } = spec;
  if (typeof maxReplicas !== "number" || maxReplicas < 1)
    return [{ ...required("spec.maxReplicas"), message: "Required value: must be set and greater than 0" }];
  const target = objectAt(spec, "scaleTargetRef");
  return [
    ...(Number(minReplicas) > maxReplicas
      ? [refused("spec.maxReplicas", maxReplicas, "must be greater than or equal to `minReplicas`")]
      : []),
    ...["kind", "name"].flatMap((field) =>
      target[field] === undefined ? [required(`spec.scaleTargetRef.${field}`)] : [],
    ),
  ];
}

const IMMUTABLE: Readonly<Record<string, readonly string[]>> = {
  deployments: ["spec.selector"],
  replicasets: ["spec.selector"],
  services: ["spec.clusterIP"],
  secrets: ["type"],
  rolebindings: ["roleRef"],
  endpointslices: ["addressType"],
};
const immutable = (field: string, value: Json | undefined): Cause => refused(field, value, "field is immutable");

function immutableCauses(resource: Resource, object: KubeObject, before: KubeObject): Cause[] {
  const fields = ["metadata.uid", ...(IMMUTABLE[resource.plural] ?? [])];
  const frozen = before["immutable"] === true ? ["data", "binaryData", "immutable"] : [];
  return [
    ...fields
      .filter((field) => !equal(at(object, field), at(before, field)))
      .map((field) => immutable(field, at(object, field))),
    ...frozen
      .filter((field) => !equal(object[field], before[field]))
      .map((field) => ({
        reason: "FieldValueForbidden",
        message: "Forbidden: field is immutable when `immutable` is set",
        field,
      })),
    ...(resource.kind === "Pod" ? podUpdateCauses(object, before) : []),
  ];
}

const at = (object: JsonObject, path: string): Json | undefined =>
  path.split(".").reduce<Json | undefined>((value, field) => (isObject(value) ? value[field] : undefined), object);

/** Of a running pod only images, the deadline and tolerations may change. */
function podUpdateCauses(object: KubeObject, before: KubeObject): Cause[] {
  const fixed = (pod: KubeObject): JsonObject => {
    const { activeDeadlineSeconds: _, tolerations: __, ...spec } = objectAt(pod, "spec");
    const images = ["containers", "initContainers"].map((list) => [
      list,
      objectsAt(spec, list).map(({ image: ___, ...container }) => container),
    ]);
    return { ...spec, ...Object.fromEntries(images) };
  };
  if (equal(fixed(object), fixed(before))) return [];
  return [
    {
      reason: "FieldValueForbidden",
      message:
        "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations`",
      field: "spec",
    },
  ];
}
