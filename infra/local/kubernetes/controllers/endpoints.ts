import { canonical, equal, type JsonObject } from "../json.ts";
import type {
  EndpointAddress,
  EndpointPort,
  EndpointSubset,
  KubeObject,
  Pod,
  Service,
  ServicePort,
} from "../objects.ts";
import { resources } from "../resources.ts";
import { hasLabels } from "../selectors.ts";
import { hasEnded, isReady } from "./pods.ts";
import { CONTROLLER, type ControllerContext, controllerReference } from "./recorder.ts";
import { createWorkQueue } from "./work-queue.ts";

const component = "endpoints-controller";

/** Keeps, for every Service with a selector, one Endpoints and one EndpointSlice object of the pods behind it. */
export function startEndpointsController({ operations, failed }: ControllerContext): () => void {
  const { store } = operations;
  const queue = createWorkQueue({ sync, failed: (error, key) => failed(component, error, key) });

  function sync(namespace: string, name: string): void {
    const service = store.get(resources.services, namespace, name);
    if (service === undefined) removeOf(namespace, name);
    else if (service.spec.selector !== undefined && service.metadata.deletionTimestamp === undefined) refresh(service);
  }

  function refresh(service: Service): void {
    const { name } = service.metadata;
    const pods = podsOf(service);
    const labels = service.metadata.labels ?? {};
    save(resources.endpoints, service, { metadata: { name, labels }, subsets: subsetsOf(service, pods) });
    save(resources.endpointslices, service, sliceOf(service, pods));
  }

  const podsOf = ({ metadata, spec }: Service): Pod[] =>
    store
      .list(resources.pods, metadata.namespace)
      .filter(
        (pod) =>
          hasLabels(spec.selector ?? {}, pod.metadata.labels) && !hasEnded(pod) && pod.status?.podIP !== undefined,
      );

  function save(
    resource: typeof resources.endpoints | typeof resources.endpointslices,
    { metadata }: Service,
    draft: JsonObject & { metadata: JsonObject & { name: string } },
  ): void {
    const live: KubeObject | undefined = store.get(resource, metadata.namespace, draft.metadata.name);
    if (live === undefined) {
      operations.create(resource, metadata.namespace, draft, CONTROLLER);
      return;
    }
    const next = { ...live, ...draft, metadata: { ...live.metadata, ...draft.metadata } };
    if (!equal(live, next)) operations.update<KubeObject>(resource, live, next, CONTROLLER);
  }

  function removeOf(namespace: string, name: string): void {
    const endpoints = store.get(resources.endpoints, namespace, name);
    if (endpoints !== undefined) operations.remove(resources.endpoints, endpoints);
  }

  const unsubscribe = store.subscribe(({ resource, object, previous }) => {
    const { namespace, name } = object.metadata;
    if (resource === resources.services) queue.add(namespace, name);
    if (resource !== resources.pods) return;
    for (const { metadata, spec } of store.list(resources.services, namespace)) {
      const selects = [object, previous].some((pod) => hasLabels(spec.selector ?? {}, pod?.metadata.labels));
      if (spec.selector !== undefined && selects) queue.add(namespace, metadata.name);
    }
  });
  return () => {
    unsubscribe();
    queue.close();
  };
}

const isServing = (service: Service, pod: Pod): boolean =>
  isReady(pod) || service.spec.publishNotReadyAddresses === true;

/** Terminating pods take no traffic; those not ready are listed apart. Pods whose named ports differ get subsets of their own. */
function subsetsOf(service: Service, pods: readonly Pod[]): EndpointSubset[] {
  const groups = new Map<string, { ports: EndpointPort[]; pods: Pod[] }>();
  for (const pod of pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined)) {
    const ports = portsOf(service, pod);
    const group = groups.get(canonical(ports)) ?? { ports, pods: [] };
    groups.set(canonical(ports), { ports, pods: [...group.pods, pod] });
  }
  return [...groups.values()].map((group) => {
    const ready = group.pods.filter((pod) => isServing(service, pod)).map(addressOf);
    const notReady = group.pods.filter((pod) => !isServing(service, pod)).map(addressOf);
    return {
      ...(ready.length > 0 ? { addresses: ready } : {}),
      ...(notReady.length > 0 ? { notReadyAddresses: notReady } : {}),
      ...(group.ports.length > 0 ? { ports: group.ports } : {}),
    };
  });
}

function portsOf(service: Service, pod: Pod): EndpointPort[] {
  return (service.spec.ports ?? []).flatMap((servicePort) => {
    const port = targetPort(servicePort, pod);
    const name = servicePort.name === undefined ? {} : { name: servicePort.name };
    return port === undefined ? [] : [{ ...name, port, protocol: servicePort.protocol ?? "TCP" }];
  });
}

function targetPort({ port, targetPort: target = port }: ServicePort, pod: Pod): number | undefined {
  if (typeof target === "number") return target;
  const ports = pod.spec.containers.flatMap((container) => container.ports ?? []);
  return ports.find(({ name }) => name === target)?.containerPort;
}

const reference = ({ metadata }: Pod): JsonObject => ({
  kind: "Pod",
  namespace: metadata.namespace,
  name: metadata.name,
  uid: metadata.uid,
});

const addressOf = (pod: Pod): EndpointAddress => ({
  ip: pod.status?.podIP ?? "",
  ...(pod.spec.nodeName === undefined ? {} : { nodeName: pod.spec.nodeName }),
  targetRef: reference(pod),
});

function sliceOf(service: Service, pods: readonly Pod[]) {
  const { name, labels } = service.metadata;
  const managed = {
    "kubernetes.io/service-name": name,
    "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
  };
  const [first] = pods;
  const ports = first === undefined ? [] : portsOf(service, first);
  return {
    metadata: {
      name: `${name}-slice`,
      labels: { ...labels, ...managed },
      ownerReferences: [controllerReference(service)],
    },
    addressType: "IPv4",
    endpoints: pods.map((pod) => endpointOf(service, pod)),
    ports: ports.map(({ name: portName = "", ...port }) => ({ name: portName, ...port })),
  };
}

function endpointOf(service: Service, pod: Pod): JsonObject {
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const serving = isServing(service, pod);
  return {
    addresses: [pod.status?.podIP ?? ""],
    conditions: { ready: serving && !terminating, serving, terminating },
    targetRef: reference(pod),
    ...(pod.spec.nodeName === undefined ? {} : { nodeName: pod.spec.nodeName }),
  };
}
