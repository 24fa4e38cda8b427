import { deploymentId, type Ended, hasEnded } from "../domain/deployment.ts";
import { describeModel } from "../domain/model.ts";
import type { NotifyMessage, ReportMessage } from "../domain/owed.ts";
import type { Ending } from "../domain/pipeline.ts";
import type { NotifierName } from "../domain/policy.ts";
import type { Clock } from "../ports/clock.ts";
import type { CheckReport, DeploymentStore } from "../ports/deployment-store.ts";
import type { Notification, Notifier } from "../ports/notifier.ts";
import type { Log } from "../ports/telemetry.ts";

export interface NotifyDependencies {
  store: DeploymentStore;
  notifiers: Readonly<Record<NotifierName, Notifier>>;
  clock: Clock;
  log: Log;
}

const VISIT_MS = 30_000;

/**
 * Tells one notifier about one ending, or about what a daily check found, at least once and always under the same id.
 * @throws TransientError, PermanentError: tried again later, then set aside; nothing else waits for it.
 */
export function createNotify({ store, notifiers, clock, log }: NotifyDependencies) {
  const tell = async (name: NotifierName, notification: Notification): Promise<void> => {
    await notifiers[name].notify(notification, clock.timeout(VISIT_MS));
    log("info", "notification.sent", { notifier: name, id: notification.id });
  };
  return async (message: NotifyMessage | ReportMessage): Promise<void> => {
    if ("report" in message && message.report !== undefined) {
      const report = await store.readReport(message.target, message.report);
      if (report !== undefined) await tell(message.notifier, describeReport(report));
      return;
    }
    const { target, generation, notifier } = message as NotifyMessage;
    const read = await store.readDeployment(target, generation);
    if (read === undefined || !hasEnded(read.value)) return;
    await tell(notifier, describeEnding(read.value));
    // Whoever was told is not told again by a sweep.
    await store.markDone(target, generation, notifier);
  };
}

const HEADLINES: Readonly<Record<Ending, string>> = {
  Succeeded: "is live",
  RolledBack: "was rolled back",
  Rejected: "was rejected",
  Superseded: "was superseded",
  Failed: "failed",
  RollbackFailed: "could not be rolled back",
};

/** What happened, why, what serves now, and what to do. */
export function describeEnding(ended: Ended): Notification {
  const id = deploymentId(ended);
  const model = describeModel(ended.model);
  const problem = ended.phase === "Succeeded" ? undefined : ended.problem;
  const cause = ended.phase === "Succeeded" ? undefined : ended.cause;
  const kind = problem?.kind === "errored" ? " (Belay could not find out whether the model is good)" : "";
  return {
    id: `${id}/${ended.sequence}`,
    target: ended.target,
    deployment: id,
    phase: ended.phase,
    title: `${model} ${HEADLINES[ended.phase]} on ${ended.target}${kind}`,
    lines: [
      ...(problem === undefined ? [] : [`Why: ${problem.message}`]),
      ...(cause === undefined ? [] : [`What led to it: ${cause.message}`]),
      ended.serving === undefined
        ? "Serving now: nothing that Belay has proven."
        : `Serving now: ${describeModel(ended.serving.model)}, ${ended.serving.image}.`,
      ...(problem === undefined ? [] : [`What to do: ${problem.remedy}`]),
    ],
    data: {
      deployment: id,
      target: ended.target,
      model: ended.model.name,
      version: ended.model.version,
      phase: ended.phase,
      endedAt: new Date(ended.endedAt).toISOString(),
      durationSeconds: Math.round((ended.endedAt - ended.createdAt) / 1000),
      ...(problem === undefined
        ? {}
        : { kind: problem.kind, code: problem.code, reason: problem.message, remedy: problem.remedy }),
      ...(ended.serving === undefined
        ? {}
        : { serving: { version: ended.serving.model.version, image: ended.serving.image } }),
    },
  };
}

/** What the daily check found not to be as it was recorded. */
export function describeReport({ target, day, at, findings }: CheckReport): Notification {
  return {
    id: `${target}/daily-check/${day}`,
    target,
    deployment: `${target} on ${day}`,
    phase: "DailyCheck",
    title: `Daily deployment check: ${target} is not as it was recorded`,
    lines: [...findings, "What to do: look at the target, and decide which state is right. Nothing was changed."],
    data: { check: "Daily deployment check", target, day, at: new Date(at).toISOString(), findings },
  };
}
