import { ServiceBusClient } from "@azure/service-bus";

/** A process of its own that locks one message, says so, and waits to be killed. */
const [connectionString = "", queue = ""] = process.argv.slice(2);
const client = new ServiceBusClient(connectionString);
await client.createReceiver(queue, { maxAutoLockRenewalDurationInMs: 0 }).receiveMessages(1, { maxWaitTimeInMs: 5000 });
process.send?.("locked");
