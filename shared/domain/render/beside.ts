import { record } from "../manifest.ts";
import type { TargetPolicy } from "../policy.ts";
import type { KubernetesObject } from "../release.ts";
import { renderAlerts } from "./alerts.ts";
import { renderAutoscaler } from "./autoscaler.ts";
import { type Renamed, rename } from "./configuration.ts";
import { nameOf, selectorOf, withIdentity } from "./identity.ts";
import { renderNetworkPolicy, renderService, type Served } from "./network.ts";

/** What the objects beside the workload are rendered from. */
export interface Beside extends Served {
  policy: TargetPolicy;
  renamed: Renamed;
  /** The Deployment of the base. */
  deployment: KubernetesObject;
  base: readonly KubernetesObject[];
}

/** Renders each object beside the workload and the configuration: its name, its labels, and which pods it is about. */
export function createRenderer(beside: Beside): (object: KubernetesObject) => KubernetesObject {
  const { policy, renamed } = beside;
  return (object) => {
    const spec = record(rename(object["spec"], renamed));
    const named = { ...withIdentity(object, nameOf(object, policy), policy), spec };
    switch (object.kind) {
      case "Service":
        return renderService(named, policy);
      case "HorizontalPodAutoscaler":
        return renderAutoscaler({ ...object, spec }, policy);
      case "NetworkPolicy":
        return renderNetworkPolicy(object.metadata.name, named, policy, beside);
      case "PrometheusRule":
        return renderAlerts(named, beside);
      default:
        // PodDisruptionBudget and ServiceMonitor choose by the same labels, of pods and of Services.
        return { ...named, spec: { ...spec, selector: { matchLabels: selectorOf(policy) } } };
    }
  };
}
