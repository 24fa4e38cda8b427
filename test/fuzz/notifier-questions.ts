import { expect } from "vitest";
import { createSlackNotifier } from "../../shared/notifiers/slack.ts";
import { createWebhookNotifier } from "../../shared/notifiers/webhook.ts";
import type { Notification, Notifier } from "../../shared/ports/notifier.ts";
import { type GoodAnswer, SECRET, spoilAnswer } from "./answer-cases.ts";
import { meet, nameOf, type Question, show } from "./answer-checks.ts";
import { answerFetch } from "./answering-fetch.ts";
import type { Json } from "./json-value.ts";

const NOTIFICATION: Notification = {
  id: "churn.1790000000/9",
  target: "churn",
  deployment: "churn.1790000000",
  phase: "RolledBack",
  title: "churn-classifier version 2 was rolled back on churn",
  lines: ["Why: the container is dead.", "What to do: read its last lines."],
  data: { target: "churn" },
};

/** Told only where the answer says so by its status; whatever its body says. */
function question(name: string, notifier: Notifier, good: GoodAnswer, others: readonly Json[]): Question {
  return {
    name,
    ask: async (random) => {
      const spoiled = spoilAnswer(random, good, others);
      const stop = answerFetch(() => spoiled);
      const met = await meet(notifier.notify(NOTIFICATION, new AbortController().signal));
      stop();
      if (met.kind === "error") return { spoiled, became: nameOf(met.error) };
      if ("error" in spoiled || Math.floor(spoiled.answer.status / 100) !== 2)
        return expect.fail(`${show(spoiled)} was taken for told`);
      return { spoiled, became: "told" };
    },
  };
}

export const NOTIFIERS: readonly Question[] = [
  question(
    "a webhook",
    createWebhookNotifier(new URL(`https://hooks.invalid/${SECRET}?sig=${SECRET}`), SECRET, () => 1_790_000_000_000),
    { status: 202, body: { taken: true } },
    [{ error: "invalid signature" }, []],
  ),
  question(
    "Slack",
    createSlackNotifier(new URL(`https://slack.invalid/services/${SECRET}`)),
    { status: 200, body: "ok" },
    ["invalid_payload", "channel_is_archived"],
  ),
];
