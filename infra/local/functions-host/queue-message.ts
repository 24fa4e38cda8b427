import type { ServiceBusReceivedMessage } from "@azure/service-bus";
import type { InvocationInput, TypedData } from "./rpc.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** What the Service Bus extension 5.x hands to a Node function for one message; throws when the body is not UTF-8 in a data section. */
export function fromServiceBusMessage(message: ServiceBusReceivedMessage): InvocationInput {
  return {
    data: { string: readBody(message.body) },
    triggerMetadata: toTriggerMetadata(message),
    traceParent: readTraceParent(message),
  };
}

/** What a queue function gets when it is fired by hand: the text, and the metadata a message without properties has. */
export function fromText(text: string): InvocationInput {
  return {
    data: { string: text },
    triggerMetadata: { DeliveryCount: { int: 1 }, ApplicationProperties: { json: "{}" } },
  };
}

function readBody(body: unknown): string {
  if (!Buffer.isBuffer(body)) throw new Error("The body of the message is not an AMQP data section");
  return utf8.decode(body);
}

function readTraceParent(message: ServiceBusReceivedMessage): string | undefined {
  const id = message.applicationProperties?.["Diagnostic-Id"];
  return typeof id === "string" ? id : undefined;
}

/** The names are the extension's; the library makes them camelCase, also inside the application properties. */
function toTriggerMetadata(message: ServiceBusReceivedMessage): Record<string, TypedData> {
  const properties = json(message.applicationProperties ?? {});
  const all: Record<string, TypedData | undefined> = {
    MessageId: text(message.messageId),
    CorrelationId: text(message.correlationId),
    ContentType: text(message.contentType),
    Subject: text(message.subject),
    Label: text(message.subject),
    To: text(message.to),
    ReplyTo: text(message.replyTo),
    SessionId: text(message.sessionId),
    ReplyToSessionId: text(message.replyToSessionId),
    PartitionKey: text(message.partitionKey),
    // The SDK passes on what AMQP counts, the deliveries that failed; the extension counts this one too.
    DeliveryCount: { int: (message.deliveryCount ?? 0) + 1 },
    LockToken: text(message.lockToken),
    SequenceNumber: text(message.sequenceNumber),
    EnqueuedTime: json(message.enqueuedTimeUtc),
    EnqueuedTimeUtc: json(message.enqueuedTimeUtc),
    ExpiresAt: json(message.expiresAtUtc),
    ExpiresAtUtc: json(message.expiresAtUtc),
    DeadLetterSource: text(message.deadLetterSource),
    ApplicationProperties: properties,
    UserProperties: properties,
  };
  const known = Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
  return Object.fromEntries(known);
}

function text(value: { toString(): string } | undefined): TypedData | undefined {
  return value === undefined || value === null ? undefined : { string: value.toString() };
}

function json(value: unknown): TypedData | undefined {
  return value === undefined ? undefined : { json: JSON.stringify(value) };
}
