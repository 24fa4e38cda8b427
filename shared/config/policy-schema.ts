import * as z from "zod";
import { type Gate, NOTIFIER_NAMES, STRATEGY_NAMES } from "../domain/policy.ts";
import { networkSection } from "./policy-network-schema.ts";
import { pointer } from "./policy-pointer-schema.ts";
import { retentionSection } from "./policy-retention-schema.ts";
import {
  anyText,
  dnsLabel,
  duration,
  folder,
  image,
  list,
  number,
  oneOf,
  size,
  targetName,
  text,
  wholeNumber,
} from "./policy-values.ts";
import { verifySection } from "./policy-verify-schema.ts";

const clusterName = text(/^[\w-]{1,63}$/, "the name of an AKS cluster");
const resourceGroup = text(/^[\w.()-]{0,89}[\w()-]$/, "the name of a resource group");
const cluster = z
  .strictObject({
    aks: z
      .strictObject({
        resourceGroup: resourceGroup.describe("Default: AZURE_RESOURCE_GROUP.").exactOptional(),
        name: clusterName.describe("Default: AZURE_AKS_CLUSTER_NAME.").exactOptional(),
      })
      .exactOptional(),
    kubeconfig: z
      .strictObject({ context: anyText(1, 500).describe("Default: the file's current one.").exactOptional() })
      .describe("A cluster outside of AKS, by the file that KUBECONFIG names.")
      .exactOptional(),
  })
  .refine(({ aks, kubeconfig }) => (aks === undefined) !== (kubeconfig === undefined), {
    error: "exactly one of aks, kubeconfig",
  })
  .meta({ minProperties: 1, maxProperties: 1 });

const gate = z
  .strictObject({
    metric: anyText(1, 250).describe("A metric of the version's MLflow run."),
    above: number.describe("The value must be greater than this.").exactOptional(),
    below: number.describe("The value must be less than this.").exactOptional(),
  })
  .meta({ minProperties: 2, maxProperties: 2 })
  .transform(({ metric, above, below }, context): Gate => {
    if (above !== undefined && below === undefined) return { kind: "metric", metric, bound: "above", threshold: above };
    if (below !== undefined && above === undefined) return { kind: "metric", metric, bound: "below", threshold: below };
    context.addIssue({ code: "custom", message: "exactly one of above, below" });
    return z.NEVER;
  });

const build = z.strictObject({
  template: folder
    .describe("Folder with the Dockerfile and the serving files. Default: infra/serving.")
    .exactOptional(),
  baseImage: image
    .describe("What the Dockerfile's BASE_IMAGE argument is set to; scratch leaves its own. Default: scratch.")
    .exactOptional(),
  platform: oneOf(["linux/amd64", "linux/arm64"]).describe("Default: linux/amd64.").exactOptional(),
  timeout: duration("10s", "8h").describe("Default: 60m.").exactOptional(),
  maxContext: size("1KiB", "100GiB").describe("Largest model with its serving files. Default: 10GiB.").exactOptional(),
});

const autoscaling = z
  .strictObject({ minReplicas: wholeNumber(1, 1_000), maxReplicas: wholeNumber(1, 1_000) })
  .refine(({ minReplicas, maxReplicas }) => minReplicas <= maxReplicas, {
    error: "a maxReplicas of at least the minReplicas",
  });

const rollout = z.strictObject({
  strategy: oneOf(STRATEGY_NAMES).describe("Default: rolling.").exactOptional(),
  manifests: folder.describe("Folder with the base manifests. Default: infra/kubernetes.").exactOptional(),
  replicas: wholeNumber(1, 1_000)
    .describe("Where no autoscaler is among the base manifests. Default: 3.")
    .exactOptional(),
  autoscaling: autoscaling
    .describe("Bounds of the base manifests' autoscaler; equal ones fix the replicas. Default: the autoscaler's own.")
    .exactOptional(),
  maxSurge: wholeNumber(0, 1_000).describe("Pods above the replicas during a rollout. Default: 1.").exactOptional(),
  maxUnavailable: wholeNumber(0, 1_000)
    .describe("Pods below the replicas during a rollout. Default: 0.")
    .exactOptional(),
  startup: duration("1s", "1h").describe("How long a pod may take to start. Default: 150s.").exactOptional(),
  timeout: duration("10s", "6h").describe("How long the whole rollout may take. Default: 600s.").exactOptional(),
  bake: duration("10s", "6h")
    .describe(
      "How long the pods must go on being healthy after they are proven, before the release is live. Default: not at all.",
    )
    .exactOptional(),
});

/** What may stand in a target and, for all targets, in `defaults`. */
export const sections = z.strictObject({
  cluster: cluster
    .describe("Where the target lives. Default: the settings' AKS cluster, or else KUBECONFIG.")
    .exactOptional(),
  namespace: dnsLabel.describe("Default: models.").exactOptional(),
  gates: list(gate, 50).describe("All must be met before anything is built.").exactOptional(),
  build: build.exactOptional(),
  rollout: rollout.exactOptional(),
  network: networkSection
    .describe("What the model needs of the network. Default: as the base manifests say.")
    .exactOptional(),
  verify: verifySection.exactOptional(),
  onFirstFailure: oneOf(["scale-to-zero", "keep"])
    .describe("What is left of a first deployment that fails and has nothing to go back to. Default: scale-to-zero.")
    .exactOptional(),
  onMovedBack: oneOf(["follow", "keep"])
    .describe("Whether a pointer that was moved back to an older version is followed there. Default: follow.")
    .exactOptional(),
  onMissing: oneOf(["tell", "ignore"])
    .describe(
      "Whether somebody is told when the pointer names no version any more. What serves goes on serving. Default: tell.",
    )
    .exactOptional(),
  notify: list(oneOf(NOTIFIER_NAMES), 10).describe("Who is told of every ending. Default: log.").exactOptional(),
});

/** One place that serves one model. */
export const targetEntry = sections.extend({
  model: anyText(1, 2_000).describe("The registered model's name in MLflow."),
  pointer,
  workload: dnsLabel
    .describe("Name of the Kubernetes Deployment and Service. Default: the target's name.")
    .exactOptional(),
});

/** The delivery policy as it is written. */
export const policyFile = z
  .strictObject({
    version: z.literal(1, { error: "1" }).describe("The version of this file's form."),
    defaults: sections.describe("What holds for every target that does not say otherwise.").exactOptional(),
    retention: retentionSection
      .describe("How long what ended deployments leave behind is kept, for all targets.")
      .exactOptional(),
    targets: z
      .record(targetName, targetEntry)
      .refine((targets) => Object.keys(targets).length > 0, { error: "at least one target" })
      .meta({ minProperties: 1, description: "Every place that serves a model, by name." }),
  })
  .meta({ title: "Belay's delivery policy" });

export type Sections = z.output<typeof sections>;
export type TargetEntry = z.output<typeof targetEntry>;
