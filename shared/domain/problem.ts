/** What a person can do about each code; the message says what was found. */
const REMEDIES = {
  "version-missing": "Register the model version again, or move the alias to a version that exists.",
  "version-not-ready": "Wait until MLflow shows the version as READY, then set the alias again.",
  "pointer-missing": "Set the alias or tag in MLflow on the version that should be live.",
  "pointer-moved": "Nothing to do: the newer promotion is on its way. Set the alias again if this version was meant.",
  "gate-failed": "Train a version that meets the gate, or change the gate in the delivery policy.",
  "gate-unmeasured": "Log the metric on the version's MLflow run, then set the alias again.",
  quarantined: "This version failed here before. Set the alias again in MLflow to have it tried once more.",
  "moved-back":
    "Nothing to do: the policy keeps what is live. Say onMovedBack: follow to have an older version deployed.",
  stopped: "Promote a version when you are ready: set the alias again in MLflow, or use the command promote.",
  held: "Find out what changed the target, then release its hold.",
  superseded: "Nothing to do: a newer promotion took its place.",
  "build-broken": "Read the build log, correct the model's files or the Dockerfile, and promote a new version.",
  "build-service": "Nothing to do at first: it is tried again. If it stays, look at the container registry's health.",
  "build-too-large": "Make the model smaller, or raise build.maxContext in the delivery policy.",
  "stable-lost": "Restore the stable image in the container registry, or promote again once a person has cleared it.",
  "release-invalid": "Correct the base manifests the delivery policy names for this target.",
  "container-dead": "Read the container's last lines, correct the model or its server, and promote a new version.",
  "rollout-stuck": "Look at the pods' events: most often resources are missing or a probe never succeeds.",
  "rollout-refused": "Read the API server's answer and correct the base manifests or the namespace's quota.",
  "namespace-missing":
    "An administrator makes the namespace once: kubectl apply --server-side -f infra/kubernetes/setup/ (another name is changed in its files first). Then promote again.",
  unhealthy: "Look at the health endpoint's answers in the deployment's history and at the pods' logs.",
  "prediction-wrong":
    "Compare the answers with the samples in the history; correct the model and promote a new version.",
  "no-samples": "Log the model with an input example, or name samples in the delivery policy.",
  "foreign-change": "Somebody else changed the workload. Decide which state is right, then release the target's hold.",
  "timed-out": "Look at the deployment's history for what it waited for; promote again when that is mended.",
  "access-denied": "Give the app's identity the role that the message names.",
  unreachable: "Nothing to do at first: it is tried again. If it stays, check the address and the network.",
  "bad-answer": "The other side answered something Belay cannot read: check its version and what stands between.",
  "configuration-wrong": "Correct the setting or the policy entry that the message names.",
  unexpected: "This is most likely a defect in Belay: report it with the deployment's history.",
} as const;

export type ProblemCode = keyof typeof REMEDIES;

/** `failed`: the model is bad. `errored`: Belay could not find out. */
export type ProblemKind = "failed" | "errored";

/** Why something did not succeed, and what a person can do about it. */
export interface Problem {
  kind: ProblemKind;
  code: ProblemCode;
  /** What was found, one sentence, no secrets. */
  message: string;
  remedy: string;
  /** The last log lines of a build or a dead container, where there are any. */
  evidence?: readonly string[];
}

/** Longest message kept in a problem, in characters. */
const MAX_MESSAGE = 600;

function problem(kind: ProblemKind, code: ProblemCode, message: string, evidence?: readonly string[]): Problem {
  return {
    kind,
    code,
    message: message.slice(0, MAX_MESSAGE),
    remedy: REMEDIES[code],
    ...(evidence === undefined || evidence.length === 0 ? {} : { evidence: evidence.slice(-100).map(clip) }),
  };
}

/** Keeps an evidence line within what a row can hold: 100 lines of at most 250 characters. */
function clip(line: string): string {
  return line.slice(0, 250);
}

export const failed = (code: ProblemCode, message: string, evidence?: readonly string[]): Problem =>
  problem("failed", code, message, evidence);

export const errored = (code: ProblemCode, message: string, evidence?: readonly string[]): Problem =>
  problem("errored", code, message, evidence);
