import type { App, QueueName } from "../shared/composition.ts";
import { logged } from "./logged.ts";

/** What a queue's function hands its messages to; throwing means only that not even the bus answers. */
export function createQueueFunction(app: App, queue: QueueName) {
  return logged(async (body: unknown, context): Promise<void> => {
    const { messageId } = context.triggerMetadata ?? {};
    await app.consume(queue, body, typeof messageId === "string" ? messageId : context.invocationId);
  });
}
