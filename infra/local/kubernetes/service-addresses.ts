import type { KubeObject, Service } from "./objects.ts";
import { type Resource, resources } from "./resources.ts";
import type { Store } from "./store.ts";

const FIRST_NODE_PORT = 30_000;

/** Gives a Service its cluster address (10.96.0.0/16) and node ports, or those it had before; other kinds stay as they are. */
export function allocateService(store: Store, resource: Resource, object: KubeObject, before?: KubeObject): void {
  if (resource.kind !== "Service") return;
  // `resource` says what it is.
  const service = object as Service;
  const { spec } = service;
  const services = store.list(resources.services).filter(({ metadata }) => metadata.uid !== object.metadata.uid);
  if (spec.type !== "ExternalName") {
    spec.clusterIP ||= (before as Service | undefined)?.spec.clusterIP ?? freeAddress(services);
    spec.clusterIPs = [spec.clusterIP];
  }
  if (spec.type !== "NodePort" && spec.type !== "LoadBalancer") return;
  const taken = new Set(services.flatMap((other) => (other.spec.ports ?? []).map(({ nodePort }) => nodePort)));
  for (const port of spec.ports ?? []) {
    port.nodePort ??= freePort(taken);
    taken.add(port.nodePort);
  }
}

function freeAddress(services: readonly Service[]): string {
  const taken = new Set(services.map(({ spec }) => spec.clusterIP));
  let index = 10;
  while (taken.has(address(index))) index += 1;
  return address(index);
}

const address = (index: number): string => `10.96.${Math.floor(index / 256)}.${index % 256}`;

function freePort(taken: ReadonlySet<number | undefined>): number {
  let port = FIRST_NODE_PORT;
  while (taken.has(port)) port += 1;
  return port;
}
