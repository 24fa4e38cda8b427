import type { JsonObject } from "./json.ts";

// The part of each kind that the control plane itself reads; everything else travels through untouched.

/** `metadata` of a stored object. */
export interface Metadata extends JsonObject {
  name: string;
  namespace?: string;
  generateName?: string;
  uid: string;
  resourceVersion: string;
  generation?: number;
  creationTimestamp: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
  managedFields?: ManagedFieldsEntry[];
}

/** Who an object belongs to. */
export interface OwnerReference extends JsonObject {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

/** Which fields one manager owns, in the FieldsV1 form. */
export interface ManagedFieldsEntry extends JsonObject {
  manager: string;
  operation: string;
  apiVersion: string;
  time?: string;
  fieldsType: string;
  fieldsV1: JsonObject;
  subresource?: string;
}

/** Any stored object. */
export interface KubeObject extends JsonObject {
  apiVersion: string;
  kind: string;
  metadata: Metadata;
}

/** A condition of a status; `lastUpdateTime` only on Deployments. */
export interface Condition extends JsonObject {
  type: string;
  status: string;
  reason?: string;
  message?: string;
  lastTransitionTime?: string;
  lastUpdateTime?: string;
}

/** A selector by labels; both parts must match. */
export interface LabelSelector extends JsonObject {
  matchLabels?: Record<string, string>;
  matchExpressions?: SelectorRequirement[];
}

/** One requirement on one label. */
export interface SelectorRequirement extends JsonObject {
  key: string;
  operator: string;
  values?: string[];
}

/** A port of a container. */
export interface ContainerPort extends JsonObject {
  name?: string;
  containerPort: number;
  protocol?: string;
}

/** A container of a pod. */
export interface Container extends JsonObject {
  name: string;
  image?: string;
  ports?: ContainerPort[];
}

/** What a pod shall be. */
export interface PodSpec extends JsonObject {
  containers: Container[];
  initContainers?: Container[];
  nodeName?: string;
  nodeSelector?: Record<string, string>;
  schedulerName?: string;
  serviceAccountName?: string;
  terminationGracePeriodSeconds?: number;
}

/** What a kubelet says of a container. */
export interface ContainerStatus extends JsonObject {
  name: string;
  ready: boolean;
  restartCount: number;
  state?: JsonObject;
}

/** A pod. */
export interface Pod extends KubeObject {
  spec: PodSpec;
  status?: JsonObject & {
    phase?: string;
    podIP?: string;
    reason?: string;
    conditions?: Condition[];
    containerStatuses?: ContainerStatus[];
  };
}

/** The pods a controller makes. */
export interface PodTemplate extends JsonObject {
  metadata?: JsonObject & { labels?: Record<string, string>; annotations?: Record<string, string> };
  spec: PodSpec;
}

/** A ReplicaSet. */
export interface ReplicaSet extends KubeObject {
  spec: JsonObject & { replicas: number; minReadySeconds?: number; selector: LabelSelector; template: PodTemplate };
  status?: ReplicaSetStatus;
}

/** Counts of a ReplicaSet; an absent one is zero. */
export interface ReplicaSetStatus extends JsonObject {
  replicas: number;
  readyReplicas?: number;
  availableReplicas?: number;
  observedGeneration?: number;
}

/** A Deployment after its defaults were filled in. */
export interface Deployment extends KubeObject {
  spec: DeploymentSpec;
  status?: DeploymentStatus;
}

/** What a Deployment shall be. */
export interface DeploymentSpec extends JsonObject {
  replicas: number;
  selector: LabelSelector;
  template: PodTemplate;
  strategy: JsonObject & { type: string; rollingUpdate?: RollingUpdate };
  minReadySeconds?: number;
  progressDeadlineSeconds: number;
  revisionHistoryLimit: number;
  paused?: boolean;
}

/** How far a rolling update may leave the wanted number; a string is a percentage. */
export interface RollingUpdate extends JsonObject {
  maxSurge: number | string;
  maxUnavailable: number | string;
}

/** Counts and conditions of a Deployment; an absent count is zero. */
export interface DeploymentStatus extends JsonObject {
  collisionCount?: number;
  observedGeneration?: number;
  replicas?: number;
  updatedReplicas?: number;
  readyReplicas?: number;
  availableReplicas?: number;
  unavailableReplicas?: number;
  conditions?: Condition[];
}

/** A port of a Service. */
export interface ServicePort extends JsonObject {
  name?: string;
  port: number;
  protocol?: string;
  targetPort?: number | string;
  nodePort?: number;
}

/** A Service. */
export interface Service extends KubeObject {
  spec: JsonObject & {
    type?: string;
    clusterIP?: string;
    clusterIPs?: string[];
    selector?: Record<string, string>;
    ports?: ServicePort[];
    publishNotReadyAddresses?: boolean;
  };
}

/** One address behind a Service. */
export interface EndpointAddress extends JsonObject {
  ip: string;
  nodeName?: string;
  targetRef?: JsonObject;
}

/** One port behind a Service. */
export interface EndpointPort extends JsonObject {
  name?: string;
  port: number;
  protocol?: string;
}

/** Addresses that share their ports. */
export interface EndpointSubset extends JsonObject {
  addresses?: EndpointAddress[];
  notReadyAddresses?: EndpointAddress[];
  ports?: EndpointPort[];
}

/** The addresses behind a Service. */
export interface Endpoints extends KubeObject {
  subsets?: EndpointSubset[];
}

/** A node. */
export interface Node extends KubeObject {
  spec: JsonObject & { unschedulable?: boolean };
  status?: JsonObject & {
    conditions?: Condition[];
    addresses?: (JsonObject & { type: string; address: string })[];
    daemonEndpoints?: JsonObject & { kubeletEndpoint?: JsonObject & { Port: number } };
    nodeInfo?: JsonObject;
  };
}

/** A namespace. */
export interface Namespace extends KubeObject {
  spec: JsonObject & { finalizers?: string[] };
  status?: JsonObject & { phase: string };
}

/** A core/v1 event. */
export interface CoreEvent extends KubeObject {
  involvedObject: JsonObject;
  reason?: string;
  message?: string;
  type?: string;
  count?: number;
  lastTimestamp?: string;
}
