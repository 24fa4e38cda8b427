import { PermanentError } from "../domain/errors.ts";
import type { NotifierName } from "../domain/policy.ts";
import type { Notifier } from "../ports/notifier.ts";
import type { Log } from "../ports/telemetry.ts";
import { createLogNotifier } from "./log.ts";
import { createSlackNotifier } from "./slack.ts";
import { createWebhookNotifier } from "./webhook.ts";

export interface NotifierSettings {
  log: Log;
  now: () => number;
  webhook?: { address: URL; secret: string };
  slack?: { address: URL };
}

/** Every notifier by the name the policy uses. A policy that names one without its settings is refused at start. */
export function createNotifiers({
  log,
  now,
  webhook,
  slack,
}: NotifierSettings): Readonly<Record<NotifierName, Notifier>> {
  return {
    log: createLogNotifier(log),
    webhook:
      webhook === undefined ? unset("NOTIFY_WEBHOOK_URL") : createWebhookNotifier(webhook.address, webhook.secret, now),
    slack: slack === undefined ? unset("SLACK_WEBHOOK_URL") : createSlackNotifier(slack.address),
  };
}

/** A record may name a notifier whose setting was taken away since: its messages are set aside, with the reason. */
function unset(setting: string): Notifier {
  return {
    notify: () => Promise.reject(new PermanentError("configuration-wrong", `The setting ${setting} is missing.`)),
  };
}
