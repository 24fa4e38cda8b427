import * as z from "zod";
import type { NotifierName } from "../domain/policy.ts";
import type { ConfigurationProblem } from "./configuration-error.ts";
import { describeFound } from "./found.ts";
import type { PolicySettings } from "./policy-settings.ts";
import { azure, bus, mlflowAuthorization, notify, tables, webhook } from "./setting-groups.ts";
import { aboutSetting, DEFAULT_POLICY, isSetting, SETTING_NAMES, settings } from "./settings.ts";

export type Variables = Readonly<Record<string, string | undefined>>;

/** Each group reads all settings by itself, so that one problem hides no other. */
const groups = z.object({ settings, bus, tables, azure, mlflowAuthorization, webhook, notify });

/** Every setting of the app, parsed; secrets show themselves to nobody. */
export type Environment = ReturnType<typeof toEnvironment>;

export interface CheckedEnvironment {
  /** Undefined: there are problems. */
  environment: Environment | undefined;
  problems: readonly ConfigurationProblem[];
  /** Path of the policy, whatever else is wrong. */
  policyFile: string;
}

/** Reads the settings once, empty counts as absent, and everything that is wrong with them; never throws. */
export function checkEnvironment(variables: Variables = process.env): CheckedEnvironment {
  const given: Variables = Object.fromEntries(
    SETTING_NAMES.flatMap((name) => (isSet(variables[name]) ? [[name, variables[name]]] : [])),
  );
  const read = groups.safeParse(Object.fromEntries(Object.keys(groups.shape).map((group) => [group, given])));
  const policyFile = given["DELIVERY_POLICY"] ?? DEFAULT_POLICY;
  if (read.success) return { environment: toEnvironment(read.data), problems: [], policyFile };
  return { environment: undefined, problems: read.error.issues.map((issue) => toProblem(issue, given)), policyFile };
}

function isSet(value: string | undefined): value is string {
  return value !== undefined && value.trim() !== "";
}

function toEnvironment({ settings: single, mlflowAuthorization: authorization, ...others }: z.output<typeof groups>) {
  return {
    ...others,
    containerRegistry: {
      name: single.AZURE_CONTAINER_REGISTRY_NAME,
      /** The login server: host, or host and port. */
      endpoint: single.AZURE_CONTAINER_REGISTRY_ENDPOINT,
    },
    aksClusterName: single.AZURE_AKS_CLUSTER_NAME,
    /** Path of the file. */
    kubeconfig: single.KUBECONFIG,
    /** `authorization`: the header's value; undefined: none is sent. */
    mlflow: { trackingUri: single.MLFLOW_TRACKING_URI, authorization },
    /** When the timers run: six fields, seconds first, UTC. */
    schedules: {
      reconcile: single.RECONCILE_SCHEDULE,
      sweep: single.SWEEP_SCHEDULE,
      dailyCheck: single.DAILY_CHECK_SCHEDULE,
    },
    /** Path of the delivery policy, relative to the app's root or absolute. */
    deliveryPolicy: single.DELIVERY_POLICY,
  };
}

function toProblem(issue: z.core.$ZodIssue, given: Variables): ConfigurationProblem {
  const name = issue.path.find(isSetting);
  if (name === undefined) throw new Error(`A problem of no setting: ${issue.message}`);
  const { remedy, secret } = aboutSetting(name);
  const told = issue.code === "custom" ? issue.params?.["found"] : undefined;
  const value = given[name];
  const found = secret && value !== undefined ? "a value (not shown)" : describeFound(value);
  return { where: name, found: typeof told === "string" ? told : found, allowed: issue.message, remedy };
}

/** What the delivery policy leaves to these settings, and needs of them. */
export function toPolicySettings({ azure, aksClusterName, kubeconfig, notify }: Environment): PolicySettings {
  const notifiers: NotifierName[] = ["log"];
  if ("webhook" in notify) notifiers.push("webhook");
  if ("slack" in notify) notifiers.push("slack");
  return { clusters: { resourceGroup: azure.resourceGroup, aksName: aksClusterName, kubeconfig }, notifiers };
}
