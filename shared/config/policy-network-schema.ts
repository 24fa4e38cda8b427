import * as z from "zod";
import type { NetworkDestination, NetworkPeer } from "../domain/policy.ts";
import { dnsLabel, list, oneOf, text, wholeNumber } from "./policy-values.ts";

const labelKey = text(/^([a-z0-9.-]{1,253}\/)?[\w.-]{1,63}$/, "the key of a label");
const labelValue = text(/^[\w.-]{0,63}$/, "the value of a label");
const cidr = z.union([z.cidrv4(), z.cidrv6()], { error: "a range of addresses such as 10.0.0.0/8" });

const peerEntries = {
  namespace: dnsLabel.describe("Pods of this namespace; with pods, those with these labels.").exactOptional(),
  pods: z.record(labelKey, labelValue).describe("Labels of the pods. Default: all pods.").exactOptional(),
  cidr: cidr.describe("Addresses, such as 10.0.0.0/8.").exactOptional(),
};

type Entries = { namespace?: string; pods?: Record<string, string>; cidr?: string };

function toPeer({ namespace, pods, cidr: range }: Entries, context: z.RefinementCtx): NetworkPeer {
  if (namespace !== undefined && range === undefined) return { kind: "pods", namespace, labels: pods ?? {} };
  if (range !== undefined && namespace === undefined && pods === undefined) return { kind: "addresses", cidr: range };
  context.addIssue({ code: "custom", message: "exactly one of namespace (with or without pods), cidr" });
  return z.NEVER;
}

const peer = z.strictObject(peerEntries).meta({ minProperties: 1, maxProperties: 2 }).transform(toPeer);
const destination = z
  .strictObject({ ...peerEntries, port: wholeNumber(1, 65_535).describe("TCP port. Default: 443.").exactOptional() })
  .meta({ minProperties: 1, maxProperties: 3 })
  .transform(({ port = 443, ...entries }, context): NetworkDestination => ({ ...toPeer(entries, context), port }));

const mlflow = z.strictObject({
  uri: text(/^https?:\/\/[\w.~%:/-]{1,500}$/, "the address of the MLflow server").describe(
    "Becomes MLFLOW_TRACKING_URI in the pods.",
  ),
  to: list(destination, 20).describe("Where that address leads."),
});

/** What a target needs of the network. */
export const networkSection = z.strictObject({
  service: oneOf(["ClusterIP", "LoadBalancer"]).describe("Default: as the base manifests say.").exactOptional(),
  internal: z
    .boolean({ error: "true or false" })
    .describe("Whether a load balancer has an address of the virtual network only. Default: false.")
    .exactOptional(),
  clients: list(peer, 20)
    .describe(
      "Who may reach the model beside its own namespace: ingress controllers, or addresses. Default: nobody; with a load balancer, everybody.",
    )
    .exactOptional(),
  metrics: list(peer, 20).describe("Who scrapes metrics. Default: the namespace monitoring.").exactOptional(),
  apiServer: list(peer, 20)
    .describe(
      "From where the API server's proxies reach the pods, which is how Belay looks at their health. Default: the namespace kube-system.",
    )
    .exactOptional(),
  mlflow: mlflow
    .describe("Only where the serving image needs MLflow at its start. Default: it does not.")
    .exactOptional(),
  artifacts: list(destination, 20)
    .describe("Where the serving image fetches its model from. Default: nowhere, the model is in the image.")
    .exactOptional(),
});

export type NetworkSection = z.output<typeof networkSection>;
