import rhea from "rhea";
import { z } from "zod";
import { types } from "./amqp.ts";
import { decodeMessage, encodeMessage, MAX_MESSAGE_BYTES, type Sections } from "./codec.ts";
import type { ReceiveMode, Settlement } from "./message.ts";
import type { Queue } from "./queue.ts";
import { malformed, notImplemented, tooLarge } from "./refusal.ts";
import type { Reply, Request } from "./requests.ts";

type Operation = (queue: Queue<Sections>, body: unknown) => Reply;

/** AMQP codes of the element types of the arrays in replies. */
const LONG = 0x81;
const TIMESTAMP = 0x83;

/** rhea reads a long beyond 53 bits as bytes. */
const long = z.union([z.number(), z.instanceof(Buffer).transform((bytes) => Number(bytes.readBigInt64BE()))]);
const lockToken = z.instanceof(Buffer).transform((bytes) => rhea.uuid_to_string(bytes));
const sessionId = z.string().nullish();

const OUTCOMES: Record<string, Settlement["outcome"]> = {
  completed: "complete",
  abandoned: "abandon",
  // the protocol's own spelling
  defered: "defer",
  suspended: "deadLetter",
};

/**
 * The operations of `$management`, by name without the prefix `com.microsoft:`.
 * Source: https://learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-request-response
 */
const OPERATIONS: Readonly<Record<string, Operation>> = {
  "peek-message": operation(
    z.object({
      "from-sequence-number": long,
      "message-count": z.number(),
      "session-id": sessionId,
      "omit-message-body": z.boolean().nullish(),
    }),
    (queue, body) => {
      const found = queue.peek(body["from-sequence-number"], body["message-count"], body["session-id"] ?? undefined);
      const withBody = body["omit-message-body"] !== true;
      const messages = found.map((message) => ({
        message: encodeMessage(message, queue.lockedUntil(message), { withBody }),
      }));
      return messages.length === 0 ? { status: 204 } : { status: 200, body: { messages } };
    },
  ),

  "schedule-message": operation(
    z.object({ messages: z.array(z.object({ message: z.instanceof(Buffer) })) }),
    (queue, { messages }) => {
      const incoming = messages.map(({ message }) => decodeMessage(Buffer.from(message)));
      const largest = Math.max(...incoming.map(({ bytes }) => bytes));
      if (largest > MAX_MESSAGE_BYTES) throw tooLarge(largest, MAX_MESSAGE_BYTES);
      return { status: 200, body: { "sequence-numbers": types.wrap_array(queue.enqueue(incoming), LONG, undefined) } };
    },
  ),

  "cancel-scheduled-message": operation(z.object({ "sequence-numbers": z.array(long) }), (queue, body) => {
    queue.cancelScheduled(body["sequence-numbers"]);
    return { status: 200 };
  }),

  "receive-by-sequence-number": operation(
    z.object({ "sequence-numbers": z.array(long), "receiver-settle-mode": z.number() }),
    (queue, body) => {
      const mode: ReceiveMode = body["receiver-settle-mode"] === 0 ? "receiveAndDelete" : "peekLock";
      const messages = queue.takeDeferred(body["sequence-numbers"], mode).map((message) => ({
        message: encodeMessage(message, queue.lockedUntil(message)),
        ...(message.lock && { "lock-token": types.wrap_uuid(rhea.string_to_uuid(message.lock.token)) }),
      }));
      return { status: 200, body: { messages } };
    },
  ),

  "update-disposition": operation(
    z.object({
      "disposition-status": z.string(),
      "lock-tokens": z.array(lockToken),
      "deadletter-reason": z.string().nullish(),
      "deadletter-description": z.string().nullish(),
      "properties-to-modify": z.record(z.string(), z.unknown()).nullish(),
    }),
    (queue, body) => {
      const outcome = OUTCOMES[body["disposition-status"]];
      if (outcome === undefined) throw notImplemented(`The disposition '${body["disposition-status"]}'`);
      const properties = new Map(Object.entries(body["properties-to-modify"] ?? {}));
      if (body["deadletter-reason"]) properties.set("DeadLetterReason", body["deadletter-reason"]);
      if (body["deadletter-description"]) {
        properties.set("DeadLetterErrorDescription", body["deadletter-description"]);
      }
      for (const token of body["lock-tokens"]) queue.settle(token, { outcome, properties });
      return { status: 200 };
    },
  ),

  "renew-lock": operation(z.object({ "lock-tokens": z.array(lockToken) }), (queue, body) => {
    const expirations = body["lock-tokens"].map((token) => queue.renew(token));
    return { status: 200, body: { expirations: types.wrap_array(expirations, TIMESTAMP, undefined) } };
  }),

  "renew-session-lock": operation(z.object({ "session-id": z.string() }), ({ sessions }, body) => {
    return { status: 200, body: { expiration: types.wrap_timestamp(sessions.renew(body["session-id"])) } };
  }),

  "get-session-state": operation(z.object({ "session-id": z.string() }), ({ sessions }, body) => {
    return { status: 200, body: { "session-state": sessions.getState(body["session-id"]) ?? null } };
  }),

  "set-session-state": operation(
    z.object({ "session-id": z.string(), "session-state": z.instanceof(Buffer).nullish() }),
    ({ sessions }, body) => {
      sessions.setState(body["session-id"], body["session-state"] ?? undefined);
      return { status: 200 };
    },
  ),
};

/** Carries out a request to a queue's `$management`; throws a refusal, 501 for what is not implemented. */
export function manage(queue: Queue<Sections>, { properties, body }: Request): Reply {
  const name = String(properties["operation"]);
  const run = OPERATIONS[name.replace(/^com\.microsoft:/, "")];
  if (run === undefined) throw notImplemented(`The operation '${name}'`);
  return run(queue, body);
}

/** An operation whose request body is parsed first. */
function operation<Body>(schema: z.ZodType<Body>, run: (queue: Queue<Sections>, body: Body) => Reply): Operation {
  return (queue, body) => {
    const parsed = schema.safeParse(body);
    if (!parsed.success) throw malformed(z.prettifyError(parsed.error));
    return run(queue, parsed.data);
  };
}
