import { record } from "../manifest.ts";
import type { NetworkNeeds, NetworkPeer, TargetPolicy } from "../policy.ts";
import type { KubernetesObject } from "../release.ts";
import { selectorOf } from "./identity.ts";

/** The NetworkPolicy of the base whose rules are the policy's needs; others keep their own. */
const DECLARED = "network";
const INTERNAL = "service.beta.kubernetes.io/azure-load-balancer-internal";
const EVERYWHERE: NetworkPeer = { kind: "addresses", cidr: "0.0.0.0/0" };
/** Cluster DNS, and DNS on the node itself. */
const DNS: readonly NetworkPeer[] = [
  { kind: "pods", namespace: "kube-system", labels: { "k8s-app": "kube-dns" } },
  { kind: "addresses", cidr: "169.254.0.0/16" },
];

/** The target's Service: its type where the policy says one, and whom a load balancer lets through. */
export function renderService(service: KubernetesObject, policy: TargetPolicy): KubernetesObject {
  const { metadata } = service;
  const spec = { ...record(service["spec"]), selector: selectorOf(policy) };
  const needs = policy.network;
  if (needs?.service === undefined) return { ...service, spec };
  if (needs.service === "ClusterIP") return { ...service, spec: { ...spec, type: "ClusterIP" } };
  const sources = needs.clients.flatMap((peer) => (peer.kind === "addresses" ? [peer.cidr] : []));
  return {
    ...service,
    metadata: needs.internal ? { ...metadata, annotations: { ...metadata.annotations, [INTERNAL]: "true" } } : metadata,
    spec: {
      ...spec,
      type: "LoadBalancer",
      // Otherwise pods see the node's address, and rules about clients mean nothing.
      externalTrafficPolicy: "Local",
      ...(sources.length === 0 ? {} : { loadBalancerSourceRanges: sources }),
    },
  };
}

/** What the rules are rendered from, beside the policy. */
export interface Served {
  /** The Service of the base. */
  service: KubernetesObject;
  /** The port that the model is served on. */
  port: number;
}

/** About the target's pods only; the base's own one has the rules that the policy declares. */
export function renderNetworkPolicy(
  name: string,
  object: KubernetesObject,
  policy: TargetPolicy,
  served: Served,
): KubernetesObject {
  const spec = { ...record(object["spec"]), podSelector: { matchLabels: selectorOf(policy) } };
  if (name !== DECLARED || policy.network === undefined) return { ...object, spec };
  return { ...object, spec: { ...spec, policyTypes: ["Ingress", "Egress"], ...rulesOf(policy.network, served) } };
}

/** Whoever may reach the model on its port, and what the model may reach. */
function rulesOf(needs: NetworkNeeds, { service, port }: Served) {
  const type = needs.service ?? record(service["spec"])["type"];
  const isOpen = type === "LoadBalancer" && !needs.clients.some(({ kind }) => kind === "addresses");
  const from = [...needs.clients, ...(isOpen ? [EVERYWHERE] : []), ...needs.metrics, ...needs.apiServer];
  const to = [...(needs.mlflow?.to ?? []), ...needs.artifacts];
  return {
    ingress: [{ from: [{ podSelector: {} }, ...from.map(peerOf)], ports: [{ protocol: "TCP", port }] }],
    egress: [
      { to: DNS.map(peerOf), ports: ["UDP", "TCP"].map((protocol) => ({ protocol, port: 53 })) },
      ...to.map((peer) => ({ to: [peerOf(peer)], ports: [{ protocol: "TCP", port: peer.port }] })),
    ],
  };
}

function peerOf(peer: NetworkPeer): Record<string, unknown> {
  if (peer.kind === "addresses") return { ipBlock: { cidr: peer.cidr } };
  return {
    namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": peer.namespace } },
    ...(Object.keys(peer.labels).length === 0 ? {} : { podSelector: { matchLabels: peer.labels } }),
  };
}
