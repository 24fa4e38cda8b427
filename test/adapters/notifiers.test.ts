import { afterAll, beforeAll } from "vitest";
import { createSlackNotifier } from "../../shared/notifiers/slack.ts";
import { createWebhookNotifier } from "../../shared/notifiers/webhook.ts";
import type { Notification } from "../../shared/ports/notifier.ts";
import { standsHostileAnswers } from "../support/hostile-answers.ts";
import { type HostileServer, SECRET, startHostileServer } from "../support/hostile-server.ts";

let server: HostileServer;
beforeAll(async () => {
  server = await startHostileServer();
});
afterAll(() => server.close());

const notification: Notification = {
  id: "churn/1/3/slack",
  target: "churn",
  deployment: "churn/1",
  phase: "Succeeded",
  title: "churn serves version 2",
  lines: ["It was promoted."],
  data: {},
};
// The address is the secret of an incoming webhook.
const address = () => new URL(`${server.url}/services/${SECRET}?sig=${SECRET}`);
const REFUSED = { is: "permanent", code: "configuration-wrong" } as const;
const DIFFERENTLY = {
  // Taken is taken, whatever else the answer says.
  "no JSON": { is: "returns" },
  "another shape": { is: "returns" },
  redirecting: REFUSED,
  401: REFUSED,
  403: REFUSED,
} as const;

standsHostileAnswers(
  "a signed webhook",
  () => server,
  (signal) => createWebhookNotifier(address(), SECRET, Date.now).notify(notification, signal),
  DIFFERENTLY,
);
standsHostileAnswers(
  "Slack",
  () => server,
  (signal) => createSlackNotifier(address()).notify(notification, signal),
  DIFFERENTLY,
);
