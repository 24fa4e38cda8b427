import { app } from "@azure/functions";
import { createApp, QUEUES, readConfiguration } from "../shared/composition.ts";
import { createDeployments } from "./deployments.ts";
import { createHealth } from "./health.ts";
import { createMlflowWebhook } from "./mlflow-webhook.ts";
import { createQueueFunction } from "./queues.ts";

// A configuration that cannot work stops the worker here, with every problem in one message.
const belay = createApp(readConfiguration(import.meta.dirname));

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
app.http("health", { route: "health", methods: ["GET"], authLevel: "anonymous", handler: createHealth(belay) });

for (const queue of QUEUES)
  app.serviceBusQueue(queue, {
    connection: "ServiceBusConnection",
    queueName: queue,
    handler: createQueueFunction(belay, queue),
  });
