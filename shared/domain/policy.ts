import type { Pointer } from "./promotion.ts";

/** A metric of the version's run against its threshold. */
export interface MetricGate {
  kind: "metric";
  metric: string;
  /** The value must be greater than this (`above`), or less (`below`). */
  bound: "above" | "below";
  threshold: number;
}

/** One entry of a target's `gates`; each kind has its evaluator in `shared/gates/`. */
export type Gate = MetricGate;

/** A request whose answer is known, for the test predictions. */
export interface PredictionSample {
  /** The request body, in the model server's own form. */
  request: unknown;
  /** The predictions expected, where known. */
  expected?: readonly number[];
  /** Largest absolute difference from `expected`. */
  tolerance: number;
}

export interface HealthPolicy {
  path: string;
  attempts: number;
  intervalSeconds: number;
  /** Consecutive successes on every new pod. */
  successes: number;
  timeoutSeconds: number;
}

export interface PredictionPolicy {
  path: string;
  /** How many predictions are made. */
  count: number;
  /** Each answer must arrive within this. */
  maxLatencySeconds: number;
  /** The policy's own samples; empty: the model's input example is used. */
  samples: readonly PredictionSample[];
}

/** Where a target lives: an AKS cluster by name, or a context of the kubeconfig that `KUBECONFIG` names. */
export type ClusterReference =
  | { kind: "aks"; resourceGroup: string; name: string }
  | { kind: "kubeconfig"; context?: string };

export const STRATEGY_NAMES = ["rolling"] as const;
export type StrategyName = (typeof STRATEGY_NAMES)[number];

export const NOTIFIER_NAMES = ["log", "webhook", "slack"] as const;
export type NotifierName = (typeof NOTIFIER_NAMES)[number];

/** How long what ended deployments leave behind is kept. */
export interface Retention {
  taskRunSeconds: number;
  /** Of releases that are not among the kept ones: the image and the stored bundle. */
  releaseSeconds: number;
  /** So many of the last stable releases of a target are never removed. */
  keptReleases: number;
}

/** Who may reach a model, or what it may reach: pods of a namespace (all, or those with these labels), or addresses. */
export type NetworkPeer =
  | { kind: "pods"; namespace: string; labels: Readonly<Record<string, string>> }
  | { kind: "addresses"; cidr: string };

/** Something a model calls, and on which TCP port. */
export type NetworkDestination = NetworkPeer & { port: number };

/** What a target needs of the network; its Service and its NetworkPolicy are rendered from this. */
export interface NetworkNeeds {
  /** Undefined: as the base manifests say. */
  service?: "ClusterIP" | "LoadBalancer";
  /** Whether a load balancer has an address of the virtual network only. */
  internal: boolean;
  /** Beside the target's own namespace: ingress controllers, or addresses. None with a load balancer: everybody. */
  clients: readonly NetworkPeer[];
  /** Who scrapes metrics. */
  metrics: readonly NetworkPeer[];
  /** From where the API server's proxies reach the pods: Belay's own health looks and predictions come that way. */
  apiServer: readonly NetworkPeer[];
  /** Only where the serving image needs MLflow at its start. */
  mlflow?: { uri: string; to: readonly NetworkDestination[] };
  /** Where the serving image fetches its model from, if it does. */
  artifacts: readonly NetworkDestination[];
}

/** Everything the policy says about one target, defaults filled in. Durations are seconds, sizes bytes. */
export interface TargetPolicy {
  /** The target's name: lower-case letters, digits and dashes. Also its partition key. */
  target: string;
  model: string;
  pointer: Pointer;
  cluster: ClusterReference;
  namespace: string;
  /** The name of the Kubernetes Deployment, and of its Service. */
  workload: string;
  gates: readonly Gate[];
  build: {
    /** Folder with the Dockerfile and the serving files, relative to the policy. */
    template: string;
    /** The image the template builds upon, for the Dockerfile's BASE_IMAGE argument. */
    baseImage: string;
    /** `os/architecture`. */
    platform: string;
    timeoutSeconds: number;
    maxContextBytes: number;
  };
  rollout: {
    strategy: StrategyName;
    /** Folder with the base manifests, relative to the policy. */
    manifests: string;
    /** Without an autoscaler among the base manifests. */
    replicas: number;
    /** Bounds of the autoscaler, where they are not the base manifests' own. */
    autoscaling?: { minReplicas: number; maxReplicas: number };
    maxSurge: number;
    maxUnavailable: number;
    /** How long a pod may take to start, which becomes its startup probe. */
    startupSeconds: number;
    timeoutSeconds: number;
    /** How long the pods must go on being healthy after their proof; undefined: not at all. */
    bakeSeconds?: number;
  };
  /** Undefined: the base manifests' own. */
  network?: NetworkNeeds;
  verify: { health: HealthPolicy; predictions: PredictionPolicy; timeoutSeconds: number };
  /** What happens to the workload when the first deployment of a target fails and nothing can be put back. */
  firstFailure: "scale-to-zero" | "keep";
  /** Whether a pointer that moved back to an older version than the stable one is followed there. */
  movedBack: "follow" | "keep";
  /** Whether an ending says so when the pointer names no version any more; what is live goes on serving. */
  missing: "tell" | "ignore";
  notify: readonly NotifierName[];
}
