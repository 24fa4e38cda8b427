import type {
  CoreEvent,
  Deployment,
  Endpoints,
  KubeObject,
  Namespace,
  Node,
  Pod,
  ReplicaSet,
  Service,
} from "./objects.ts";

/** Stands for the class of a custom resource: its metadata is known, its spec may hold anything. */
export const CUSTOM_MODEL = "CustomResource";

/** One kind the control plane stores, and how it is reached. */
export interface Resource<T extends KubeObject = KubeObject> {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  readonly shortNames: readonly string[];
  readonly subresources: readonly string[];
  /** Name of the class in `@kubernetes/client-node` that describes its fields. */
  readonly model: string;
  /** Whether `metadata.generation` is kept for it. */
  readonly generation: boolean;
  /** Brought by a custom resource definition, which a cluster may have or not. */
  readonly custom: boolean;
  /** Fields a field selector may name, besides metadata.name and metadata.namespace. */
  readonly selectableFields: readonly string[];
  /** Only for the compiler: what is stored. */
  readonly stored?: T;
}

interface Definition {
  group?: string;
  version?: string;
  kind: string;
  plural: string;
  cluster?: true;
  shortNames?: readonly string[];
  subresources?: readonly string[];
  model?: string;
  generation?: true;
  custom?: true;
  selectableFields?: readonly string[];
}

function define<T extends KubeObject>(definition: Definition): Resource<T> {
  const version = definition.version ?? "v1";
  return {
    group: definition.group ?? "",
    version,
    kind: definition.kind,
    plural: definition.plural,
    namespaced: definition.cluster !== true,
    shortNames: definition.shortNames ?? [],
    subresources: definition.subresources ?? [],
    model: definition.model ?? `${version.toUpperCase()}${definition.kind}`,
    generation: definition.generation === true,
    custom: definition.custom === true,
    selectableFields: definition.selectableFields ?? [],
  };
}

const RBAC = "rbac.authorization.k8s.io";
const NETWORKING = "networking.k8s.io";
const MONITORING = "monitoring.coreos.com";
const POD_FIELDS = [
  "spec.nodeName",
  "spec.restartPolicy",
  "spec.schedulerName",
  "spec.serviceAccountName",
  "spec.hostNetwork",
  "status.phase",
  "status.podIP",
];
const EVENT_FIELDS = [
  "involvedObject.kind",
  "involvedObject.namespace",
  "involvedObject.name",
  "involvedObject.uid",
  "involvedObject.apiVersion",
  "involvedObject.resourceVersion",
  "involvedObject.fieldPath",
  "reason",
  "reportingComponent",
  "source",
  "type",
];

/** Every kind by its plural name. */
export const resources = {
  namespaces: define<Namespace>({
    kind: "Namespace",
    plural: "namespaces",
    cluster: true,
    shortNames: ["ns"],
    subresources: ["status"],
    selectableFields: ["status.phase"],
  }),
  nodes: define<Node>({
    kind: "Node",
    plural: "nodes",
    cluster: true,
    shortNames: ["no"],
    subresources: ["status"],
    selectableFields: ["spec.unschedulable"],
  }),
  pods: define<Pod>({
    kind: "Pod",
    plural: "pods",
    shortNames: ["po"],
    subresources: ["status", "log", "binding", "proxy"],
    generation: true,
    selectableFields: POD_FIELDS,
  }),
  services: define<Service>({
    kind: "Service",
    plural: "services",
    shortNames: ["svc"],
    subresources: ["status", "proxy"],
    selectableFields: ["spec.clusterIP", "spec.type"],
  }),
  endpoints: define<Endpoints>({ kind: "Endpoints", plural: "endpoints", shortNames: ["ep"] }),
  configmaps: define({ kind: "ConfigMap", plural: "configmaps", shortNames: ["cm"] }),
  secrets: define({ kind: "Secret", plural: "secrets", selectableFields: ["type"] }),
  serviceaccounts: define({ kind: "ServiceAccount", plural: "serviceaccounts", shortNames: ["sa"] }),
  events: define<CoreEvent>({
    kind: "Event",
    plural: "events",
    shortNames: ["ev"],
    model: "CoreV1Event",
    selectableFields: EVENT_FIELDS,
  }),
  deployments: define<Deployment>({
    group: "apps",
    kind: "Deployment",
    plural: "deployments",
    shortNames: ["deploy"],
    subresources: ["status", "scale"],
    generation: true,
  }),
  replicasets: define<ReplicaSet>({
    group: "apps",
    kind: "ReplicaSet",
    plural: "replicasets",
    shortNames: ["rs"],
    subresources: ["status", "scale"],
    generation: true,
    selectableFields: ["status.replicas"],
  }),
  horizontalpodautoscalers: define({
    group: "autoscaling",
    version: "v2",
    kind: "HorizontalPodAutoscaler",
    plural: "horizontalpodautoscalers",
    shortNames: ["hpa"],
    subresources: ["status"],
  }),
  poddisruptionbudgets: define({
    group: "policy",
    kind: "PodDisruptionBudget",
    plural: "poddisruptionbudgets",
    shortNames: ["pdb"],
    subresources: ["status"],
    generation: true,
  }),
  networkpolicies: define({
    group: NETWORKING,
    kind: "NetworkPolicy",
    plural: "networkpolicies",
    shortNames: ["netpol"],
    generation: true,
  }),
  ingresses: define({
    group: NETWORKING,
    kind: "Ingress",
    plural: "ingresses",
    shortNames: ["ing"],
    subresources: ["status"],
    generation: true,
  }),
  leases: define({ group: "coordination.k8s.io", kind: "Lease", plural: "leases" }),
  endpointslices: define({
    group: "discovery.k8s.io",
    kind: "EndpointSlice",
    plural: "endpointslices",
    generation: true,
  }),
  servicemonitors: define({
    ...{ group: MONITORING, kind: "ServiceMonitor", plural: "servicemonitors", shortNames: ["smon"] },
    ...{ model: CUSTOM_MODEL, generation: true, custom: true },
  }),
  prometheusrules: define({
    ...{ group: MONITORING, kind: "PrometheusRule", plural: "prometheusrules", shortNames: ["promrule"] },
    ...{ model: CUSTOM_MODEL, generation: true, custom: true },
  }),
  roles: define({ group: RBAC, kind: "Role", plural: "roles" }),
  rolebindings: define({ group: RBAC, kind: "RoleBinding", plural: "rolebindings" }),
} as const;

/** Every kind, in the order discovery lists them. */
export const allResources: readonly Resource[] = Object.values(resources);

/** `apps/v1`, or `v1` for the core group. */
export function groupVersion(resource: Resource): string {
  return resource.group === "" ? resource.version : `${resource.group}/${resource.version}`;
}

/** `deployments.apps`, or `pods` for the core group. */
export function qualifiedName(resource: Resource): string {
  return resource.group === "" ? resource.plural : `${resource.plural}.${resource.group}`;
}
