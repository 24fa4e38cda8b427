import { createRequire } from "node:module";
import type { Socket } from "node:net";
import rhea, { type AmqpError, type Connection, type Delivery, type Session, type Typed } from "rhea";

/**
 * What rhea 3.0.5 has and its typings leave out.
 * Source: https://github.com/amqp/rhea, lib/types.js, lib/message.js, lib/session.js and lib/link.js
 */
declare module "rhea/typings/types.js" {
  interface types {
    readonly Reader: new (buffer: Buffer) => Reader;
    readonly Writer: new () => Writer;
    Null(): Typed;
    List32(items: readonly Typed[]): Typed;
    Map32(keysAndValues: readonly Typed[]): Typed;
  }
}

declare module "rhea/typings/message.js" {
  interface message {
    accepted(): Outcome;
    released(): Outcome;
    modified(fields: { undeliverable_here?: boolean }): Outcome;
    rejected(fields: { error?: AmqpError }): Outcome;
  }
}

declare module "rhea/typings/session.js" {
  interface Session {
    readonly outgoing: {
      readonly next_delivery_id: number;
      readonly next_pending_delivery: number;
      /** Free places among the deliveries that are not settled yet. */
      available(): number;
    };
    output(frame: unknown): void;
    on_transfer(frame: { readonly performative: { message_format: number | null } }): void;
  }
}

declare module "rhea/typings/link.js" {
  interface link {
    credit: number;
    delivery_count: number;
    readonly local: {
      readonly attach: { snd_settle_mode: number; rcv_settle_mode: number; properties: Record<string, unknown> };
    };
  }
  interface Sender {
    _draining: boolean;
    _drained: boolean;
    _get_drain(): boolean;
  }
}

declare module "rhea/typings/connection.js" {
  interface EndpointOptions {
    tcp_no_delay?: boolean;
  }
  interface SenderOptions {
    treat_modified_as_released?: boolean;
  }
}

export interface Outcome {
  described(): Typed;
}

interface Frames {
  disposition(fields: object): unknown;
}

/** rhea's frames, which its typings do not name. */
const frames: Frames = createRequire(import.meta.url)("rhea/lib/frames.js");

/** An empty frame: a header of eight bytes and nothing else. */
const EMPTY_FRAME_BYTES = 8;

export const { types, message } = rhea;

/**
 * Settles a delivery with a frame of its own.
 * rhea merges neighbours that are settled in one turn even if their outcomes differ, and the peer then sees the first outcome for both.
 * Setting both flags frees the place in rhea's buffer of 2,048, which it never does by itself for receivers that settle second.
 */
export function settleDelivery(delivery: Delivery, outcome: Outcome): void {
  const { session, connection } = delivery.link;
  if (!delivery.remote_settled) {
    const role = delivery.link.is_receiver();
    const state = outcome.described();
    session.output(frames.disposition({ role, first: delivery.id, last: delivery.id, settled: true, state }));
  }
  Object.assign(delivery, { settled: true, remote_settled: true });
  processSoon(connection);
}

/** Has rhea hand over every message as the bytes that came: decoding and encoding again would lose integer types. */
export function keepRawMessages(session: Session): void {
  const onTransfer = session.on_transfer.bind(session);
  session.on_transfer = (frame) => {
    if (frame.performative.message_format === 0) frame.performative.message_format = null;
    onTransfer(frame);
  };
}

/**
 * Answers every read with an empty frame.
 * The SDK leaves Nagle's algorithm on, and without data to send back the kernel holds its acknowledgement for 40 ms.
 */
export function acknowledgeReads(connection: Connection): void {
  socketOf(connection).on("data", (bytes: Buffer) => {
    if (bytes.length <= EMPTY_FRAME_BYTES) return;
    setImmediate(() => {
      if (connection.is_open() && !socketOf(connection).destroyed) connection["_write_frame"]();
    });
  });
}

/** Lets rhea write what has been queued on a connection, at the end of this turn. */
export function processSoon(connection: Connection): void {
  connection["_register"]();
}

function socketOf(connection: Connection): Socket {
  return connection["socket"];
}

/** The address of a link's source or target, without the host some clients put before it. */
export function addressOf(terminus: { readonly address?: string } | null | undefined): string {
  const address = terminus?.address ?? "";
  return address.replace(/^amqps?:\/\/[^/]+/, "").replace(/^\//, "");
}
