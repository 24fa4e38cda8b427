import { list, record } from "../manifest.ts";
import type { TargetPolicy } from "../policy.ts";
import type { KubernetesObject } from "../release.ts";
import { nameOf } from "./identity.ts";

/** What the names in an alert's expression mean. */
interface Names {
  policy: TargetPolicy;
  deployment: KubernetesObject;
  base: readonly KubernetesObject[];
}

/** A PrometheusRule whose expressions name the target's namespace, workload and autoscaler instead of the base's. */
export function renderAlerts(rule: KubernetesObject, names: Names): KubernetesObject {
  const spec = record(rule["spec"]);
  const groups = list(spec["groups"]).map(record);
  const prefix = `${names.policy.namespace}.${names.policy.workload}`;
  return {
    ...rule,
    spec: {
      ...spec,
      groups: groups.map((group) => ({
        ...group,
        // Prometheus refuses two groups of one name in a file, and the operator puts rules together.
        name: `${prefix}.${String(group["name"])}`,
        rules: list(group["rules"]).map((one) => renderRule(record(one), names)),
      })),
    },
  };
}

function renderRule(rule: Readonly<Record<string, unknown>>, names: Names) {
  const { expr } = rule;
  return typeof expr === "string" ? { ...rule, expr: renderExpression(expr, names) } : rule;
}

/** Only whole label matchers are replaced; everything else of an expression stays as it is. */
function renderExpression(expression: string, { policy, deployment, base }: Names): string {
  const workload = deployment.metadata.name;
  const autoscaler = base.find(({ kind }) => kind === "HorizontalPodAutoscaler");
  const renamed: readonly (readonly [string, string])[] = [
    [`deployment="${workload}"`, `deployment="${policy.workload}"`],
    [`pod=~"${workload}-.*"`, `pod=~"${policy.workload}-[a-z0-9]+-[a-z0-9]+"`],
    ...(autoscaler === undefined
      ? []
      : [matchers("horizontalpodautoscaler", autoscaler.metadata.name, nameOf(autoscaler, policy))]),
  ];
  const inNamespace = expression.replaceAll(/\bnamespace="[^"]*"/g, `namespace="${policy.namespace}"`);
  return renamed.reduce((text, [from, to]) => text.replaceAll(from, to), inNamespace);
}

function matchers(label: string, from: string, to: string) {
  return [`${label}="${from}"`, `${label}="${to}"`] as const;
}
