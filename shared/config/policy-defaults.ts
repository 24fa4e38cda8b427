import type { NetworkNeeds } from "../domain/policy.ts";
import type { RetentionSection } from "./policy-retention-schema.ts";
import type { Sections } from "./policy-schema.ts";

type Verify = NonNullable<Sections["verify"]>;
type Complete<T> = { readonly [K in keyof T]-?: NonNullable<T[K]> };

/** The field's defaults: what holds where neither a target nor the policy's own `defaults` say otherwise. Seconds and bytes. */
export const DEFAULTS: {
  readonly namespace: string;
  readonly build: Complete<NonNullable<Sections["build"]>>;
  readonly rollout: Complete<Omit<NonNullable<Sections["rollout"]>, "autoscaling" | "bake">>;
  /** Where a policy says anything of the network. */
  readonly network: NetworkNeeds;
  readonly verifyTimeout: number;
  readonly health: Complete<NonNullable<Verify["health"]>>;
  readonly predictions: Complete<NonNullable<Verify["predictions"]>>;
  readonly tolerance: number;
  readonly onFirstFailure: NonNullable<Sections["onFirstFailure"]>;
  readonly onMovedBack: NonNullable<Sections["onMovedBack"]>;
  readonly onMissing: NonNullable<Sections["onMissing"]>;
  readonly notify: NonNullable<Sections["notify"]>;
  readonly retention: Complete<RetentionSection>;
} = {
  namespace: "models",
  build: {
    template: "infra/serving",
    // The template's Dockerfile names its own base, by digest if it likes.
    baseImage: "scratch",
    platform: "linux/amd64",
    timeout: 60 * 60,
    maxContext: 10 * 2 ** 30,
  },
  rollout: {
    strategy: "rolling",
    manifests: "infra/kubernetes",
    replicas: 3,
    maxSurge: 1,
    maxUnavailable: 0,
    startup: 150,
    timeout: 600,
  },
  network: {
    internal: false,
    clients: [],
    metrics: [{ kind: "pods", namespace: "monitoring", labels: {} }],
    // On AKS the API server comes in through the konnectivity agents there.
    apiServer: [{ kind: "pods", namespace: "kube-system", labels: {} }],
    artifacts: [],
  },
  verifyTimeout: 600,
  health: { path: "/ready", attempts: 30, interval: 3, successes: 3, timeout: 2 },
  predictions: { path: "/predict", count: 5, maxLatency: 2, samples: [] },
  tolerance: 0.001,
  onFirstFailure: "scale-to-zero",
  onMovedBack: "follow",
  onMissing: "tell",
  notify: ["log"],
  retention: { taskRuns: 7 * 24 * 60 * 60, releases: 30 * 24 * 60 * 60, keep: 10 },
};
