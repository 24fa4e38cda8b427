import type { NotifierName, TargetPolicy } from "../domain/policy.ts";
import type { Fault } from "./policy-rules.ts";
import type { ClusterSettings } from "./to-target-policy.ts";

/** What the policy leaves to the settings, and needs of them. */
export interface PolicySettings {
  clusters: ClusterSettings;
  /** The notifiers whose settings are there. */
  notifiers: readonly NotifierName[];
}

/** The settings each notifier needs. */
const NEEDED: Readonly<Record<NotifierName, string>> = {
  log: "",
  webhook: "NOTIFY_WEBHOOK_URL and NOTIFY_WEBHOOK_SECRET",
  slack: "SLACK_WEBHOOK_URL",
};

/** What a target's policy asks for and the settings do not give. */
export function findUnset(policy: TargetPolicy, settings: PolicySettings): readonly Fault[] {
  const notifiers = policy.notify
    .filter((name) => !settings.notifiers.includes(name))
    .map((name) => ({
      path: ["notify"],
      found: `the notifier ${name} without its settings`,
      allowed: ["log", ...settings.notifiers.filter((known) => known !== "log")].join(", "),
      remedy: `Set ${NEEDED[name]}, or take ${name} out.`,
    }));
  return [...notifiers, ...findCluster(policy, settings)];
}

function findCluster({ cluster }: TargetPolicy, { clusters }: PolicySettings): readonly Fault[] {
  const missing = (found: string, remedy: string): readonly Fault[] => [
    { path: ["cluster"], found, allowed: "aks with a name and resource group, or kubeconfig", remedy },
  ];
  switch (cluster.kind) {
    case "kubeconfig":
      return clusters.kubeconfig === undefined
        ? missing("a kubeconfig cluster without the file", "Set KUBECONFIG to the path of the kubeconfig file.")
        : [];
    case "aks":
      return cluster.name === "" || cluster.resourceGroup === ""
        ? missing("no cluster", "Name the cluster here, or set AZURE_AKS_CLUSTER_NAME and AZURE_RESOURCE_GROUP.")
        : [];
    default:
      return cluster satisfies never;
  }
}
