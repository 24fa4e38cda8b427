import { app } from "@azure/functions";
import { createApp, QUEUES, readConfiguration } from "../shared/composition.ts";
import { createDeadLetterDiscard, createDeadLetterList, createDeadLetterReplay } from "./dead-letters.ts";
import { createDeployments } from "./deployments.ts";
import { createHealth } from "./health.ts";
import { createMlflowWebhook } from "./mlflow-webhook.ts";
import { createQueueFunction } from "./queues.ts";
import { createTargets } from "./targets.ts";
import { createTimerFunction } from "./timers.ts";

// A configuration that cannot work stops the worker here, with every problem in one message.
const configuration = readConfiguration(import.meta.dirname);
const belay = createApp(configuration);
const { schedules } = configuration.environment;

app.http("mlflow-webhook", {
  route: "webhooks/mlflow",
  methods: ["POST", "GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"],
  authLevel: "anonymous",
  handler: createMlflowWebhook(belay),
});
app.http("deployments", {
  route: "deployments/{id?}",
  methods: ["GET"],
  authLevel: "function",
  handler: createDeployments(belay),
});
app.http("targets", {
  route: "targets/{target}/{command?}",
  methods: ["GET", "POST"],
  authLevel: "function",
  handler: createTargets(belay),
});
app.http("dead-letters", {
  route: "dead-letters",
  methods: ["GET"],
  authLevel: "function",
  handler: createDeadLetterList(belay),
});
app.http("dead-letters-replay", {
  route: "dead-letters/replay",
  methods: ["POST"],
  authLevel: "function",
  handler: createDeadLetterReplay(belay),
});
app.http("dead-letters-discard", {
  route: "dead-letters/discard",
  methods: ["POST"],
  authLevel: "function",
  handler: createDeadLetterDiscard(belay),
});
app.http("health", { route: "health", methods: ["GET"], authLevel: "anonymous", handler: createHealth(belay) });

for (const queue of QUEUES)
  app.serviceBusQueue(queue, {
    connection: "ServiceBusConnection",
    queueName: queue,
    handler: createQueueFunction(belay, queue),
  });

app.timer("reconcile", { schedule: schedules.reconcile, handler: createTimerFunction(belay, "reconcile") });
app.timer("sweep", { schedule: schedules.sweep, handler: createTimerFunction(belay, "sweep") });
// Daily deployment check.
app.timer("daily-check", { schedule: schedules.dailyCheck, handler: createTimerFunction(belay, "daily-check") });
