import type { Connection, Container, Delivery, EventContext, link as Link, Receiver } from "rhea";
import { addressOf, message, settleDelivery } from "./amqp.ts";
import { putToken } from "./cbs.ts";
import type { Clock } from "./clock.ts";
import { BATCH_FORMAT, decodeMessage, MAX_MESSAGE_BYTES, type Sections, splitBatch } from "./codec.ts";
import type { Consumers } from "./consumers.ts";
import { type Entity, findNode, type Node } from "./entities.ts";
import { manage } from "./management.ts";
import type { IncomingMessage } from "./message.ts";
import { asRefusal, notImplemented, tooLarge, unauthorized } from "./refusal.ts";
import { decodeRequest, type Reply, type Request, replyOf, sendReply } from "./requests.ts";

export interface LinkOptions {
  readonly entities: ReadonlyMap<string, Entity>;
  readonly consumers: Consumers;
  readonly sharedAccessKey: string;
  readonly clock: Clock;
  readonly log: (line: string) => void;
}

/** Answers the links of every connection of a container: what may be opened, and what happens to what arrives. */
export function answerLinks(
  container: Container,
  { entities, consumers, sharedAccessKey, clock, log }: LinkOptions,
): void {
  const nodes = new WeakMap<Link, Node>();
  const authorized = new WeakSet<Connection>();

  function open(link: Link, address: string): Node {
    const node = findNode(entities, address);
    if (node.kind !== "cbs" && !authorized.has(link.connection))
      throw unauthorized("The connection sent no valid token.");
    nodes.set(link, node);
    return node;
  }

  /** A refused link is opened without the node it asked for, and then closed with the reason: that is how the protocol says no. */
  function refuse(link: Link, error: unknown): void {
    const { condition, message: description } = asRefusal(error);
    link.close({ condition, description });
  }

  function onPeerReceives(link: NonNullable<EventContext["sender"]>): void {
    link.set_target({ address: link.target?.address ?? link.name });
    try {
      const node = open(link, addressOf(link.source));
      if (node.kind === "queue") consumers.open(link, node.queue);
      else link.set_source({ address: link.source.address });
    } catch (error) {
      refuse(link, error);
    }
  }

  function onPeerSends(link: Receiver): void {
    link.set_source({ address: link.source?.address ?? link.name });
    try {
      open(link, addressOf(link.target));
      link.set_target({ address: link.target.address });
    } catch (error) {
      refuse(link, error);
    }
  }

  function onMessage(encoded: Buffer, delivery: Delivery): void {
    const node = nodes.get(delivery.link);
    if (node?.kind === "queue") takeIn(delivery, () => node.queue.enqueue(decodeMessages(encoded, delivery.format)));
    else if (node) answer(node, encoded, delivery);
  }

  function answer(node: Exclude<Node, { kind: "queue" }>, encoded: Buffer, delivery: Delivery): void {
    const { connection } = delivery.link;
    const request = takeIn(delivery, () => decodeRequest(encoded));
    if (request === undefined) return;
    const reply = replyOf(() => (node.kind === "cbs" ? authorize(connection, request) : manage(node.queue, request)));
    const spelling = node.kind === "cbs" ? "kebab-case" : "camelCase";
    if (!sendReply(connection, request, reply, spelling)) log(`no link to reply to '${request.replyTo}'`);
  }

  function authorize(connection: Connection, request: Request): Reply {
    const reply = putToken(request, sharedAccessKey, clock);
    authorized.add(connection);
    return reply;
  }

  container.on("sender_open", ({ sender }: EventContext) => sender && onPeerReceives(sender));
  container.on("receiver_open", ({ receiver }: EventContext) => receiver && onPeerSends(receiver));
  container.on("message", ({ message: encoded, delivery }: EventContext) => {
    if (delivery && Buffer.isBuffer(encoded)) onMessage(encoded, delivery);
  });
  container.on("sendable", ({ sender }: EventContext) => sender && consumers.onCredit(sender));
  container.on("sender_draining", ({ sender }: EventContext) => sender && consumers.drain(sender));
  container.on("sender_close", ({ sender }: EventContext) => sender && consumers.close(sender));
  for (const kind of ["accepted", "released", "modified", "rejected"] as const) {
    container.on(kind, ({ delivery }: EventContext) => delivery && consumers.settle(kind, delivery));
  }
}

/** Reads what was delivered and tells the sender how that went. */
function takeIn<Result>(delivery: Delivery, read: () => Result): Result | undefined {
  try {
    const result = read();
    settleDelivery(delivery, message.accepted());
    return result;
  } catch (error) {
    const { condition, message: description } = asRefusal(error);
    settleDelivery(delivery, message.rejected({ error: { condition, description } }));
    return undefined;
  }
}

/** The messages of one delivery: one, or those of a batch. */
function decodeMessages(encoded: Buffer, format: number | null): IncomingMessage<Sections>[] {
  if (encoded.length > MAX_MESSAGE_BYTES) throw tooLarge(encoded.length, MAX_MESSAGE_BYTES);
  if (format === BATCH_FORMAT) return splitBatch(encoded).map(decodeMessage);
  if (format) throw notImplemented(`The message format ${format}`);
  return [decodeMessage(encoded)];
}
