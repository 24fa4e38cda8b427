import type { Connection, link as Link, Sender } from "rhea";
import { z } from "zod";
import { message, types } from "./amqp.ts";
import { asRefusal, malformed } from "./refusal.ts";

const requestSchema = z.object({
  message_id: z.union([z.string(), z.number(), z.instanceof(Buffer)]),
  reply_to: z.string(),
  application_properties: z.record(z.string(), z.unknown()).default({}),
  body: z.unknown(),
});

/** A request to `$cbs` or to a queue's `$management`. */
export interface Request {
  readonly id: string | number | Buffer;
  readonly replyTo: string;
  readonly properties: Readonly<Record<string, unknown>>;
  readonly body: unknown;
}

export interface Reply {
  readonly status: number;
  readonly body?: Readonly<Record<string, unknown>>;
  readonly condition?: string;
  readonly description?: string;
}

/** The two nodes spell the same application properties differently. */
export type Spelling = "kebab-case" | "camelCase";

export function decodeRequest(encoded: Buffer): Request {
  const parsed = requestSchema.safeParse(message.decode(encoded));
  if (!parsed.success) throw malformed(z.prettifyError(parsed.error));
  const { message_id: id, reply_to: replyTo, application_properties: properties, body } = parsed.data;
  return { id, replyTo, properties, body };
}

/** What an operation answers, its refusal included. */
export function replyOf(operation: () => Reply): Reply {
  try {
    return operation();
  } catch (error) {
    const { status, condition, message: description } = asRefusal(error);
    return { status, condition, description };
  }
}

/** Sends a reply over the link whose name, or else whose target, is the reply address; false if there is none. */
export function sendReply(connection: Connection, request: Request, reply: Reply, spelling: Spelling): boolean {
  const isReplyLink = ({ name, target }: Link): boolean =>
    name === request.replyTo || target?.address === request.replyTo;
  const link: Sender | undefined = connection.find_sender(isReplyLink);
  const [status, description, condition] =
    spelling === "camelCase"
      ? ["statusCode", "statusDescription", "errorCondition"]
      : ["status-code", "status-description", "error-condition"];
  link?.send({
    correlation_id: request.id,
    body: reply.body,
    application_properties: {
      [status]: types.wrap_int(reply.status),
      [description]: reply.description ?? "OK",
      ...(reply.condition && { [condition]: types.wrap_symbol(reply.condition) }),
    },
  });
  return link !== undefined;
}
