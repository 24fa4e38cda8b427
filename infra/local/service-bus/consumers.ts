import type { Connection, Delivery, Sender } from "rhea";
import rhea from "rhea";
import { message, type Outcome, processSoon, settleDelivery, types } from "./amqp.ts";
import { encodeMessage, mapEntries, reorderGuid, type Sections } from "./codec.ts";
import type { ReceiveMode, Settlement } from "./message.ts";
import type { Queue } from "./queue.ts";
import { asRefusal, notAllowed, notImplemented } from "./refusal.ts";

const SESSION_FILTER = "com.microsoft:session-filter";

/** .NET counts in ticks of 100 ns from the year 1. */
const TICKS_PER_MILLISECOND = 10_000n;
const TICKS_AT_EPOCH = 621_355_968_000_000_000n;

const SENDER_SETTLES = 1;

/** A link over which a peer receives. */
interface Consumer {
  readonly link: Sender;
  readonly queue: Queue<Sections>;
  readonly mode: ReceiveMode;
  readonly sessionId: string | undefined;
}

export interface Consumers {
  /** Takes on a link that a peer has just opened; throws a refusal. */
  open(link: Sender, queue: Queue<Sections>): void;
  /** Forgets the links of a connection that went away; what is locked stays locked until it expires. */
  forget(connection: Connection): void;
  /** Forgets a link that the peer closed, and gives back its session. */
  close(link: Sender): void;
  /** Closes the link that owned a session whose lock ran out. */
  loseSession(owner: object): void;
  /** Delivers what a queue has to those who have credit, at the end of this turn. */
  deliverSoon(queue: Queue<Sections>): void;
  /** The same for the queue of a link that got credit. */
  onCredit(link: Sender): void;
  /** Delivers what there is, then gives up the remaining credit and says so. */
  drain(link: Sender): void;
  /** Carries out what a receiver decided on a delivery, and answers with the same outcome or a rejection. */
  settle(kind: DispositionKind, delivery: Delivery): void;
}

export type DispositionKind = "accepted" | "released" | "modified" | "rejected";

export function createConsumers(): Consumers {
  const consumers = new Map<object, Consumer>();
  const tokens = new WeakMap<Delivery, string>();
  const waiting = new Set<Queue<Sections>>();

  function deliver(queue: Queue<Sections>): void {
    const links = [...consumers.values()].filter((consumer) => consumer.queue === queue);
    // one each in turn, until nobody can be given any more
    while (links.filter((consumer) => deliverOne(consumer)).length > 0);
  }

  function deliverOne({ link, queue, mode, sessionId }: Consumer): boolean {
    const taken = hasRoom(link) ? queue.take(mode, sessionId) : undefined;
    if (taken === undefined) return false;
    const tag = taken.lock && reorderGuid(rhea.string_to_uuid(taken.lock.token));
    const delivery = link.send(encodeMessage(taken, queue.lockedUntil(taken)), tag, 0);
    if (taken.lock) tokens.set(delivery, taken.lock.token);
    return true;
  }

  const self: Consumers = {
    open(link, queue) {
      const settleMode = link.snd_settle_mode;
      link.local.attach.snd_settle_mode = settleMode;
      link.local.attach.rcv_settle_mode = link.rcv_settle_mode;
      answerEveryDrain(link);
      const sessionId = openSource(link, queue);
      const mode = settleMode === SENDER_SETTLES ? "receiveAndDelete" : "peekLock";
      consumers.set(link, { link, queue, mode, sessionId });
      self.deliverSoon(queue);
    },
    forget(connection) {
      for (const { link } of consumers.values()) if (link.connection === connection) consumers.delete(link);
    },
    close(link) {
      consumers.get(link)?.queue.sessions.release(link);
      consumers.delete(link);
    },
    loseSession(owner) {
      const lost = consumers.get(owner);
      consumers.delete(owner);
      lost?.link.close({ condition: "com.microsoft:session-lock-lost", description: "The session lock has expired." });
    },
    // not in this turn: rhea writes transfers before attaches, and a peer that sent attach and flow together would not know the handle
    deliverSoon(queue) {
      if (waiting.has(queue)) return;
      waiting.add(queue);
      setImmediate(() => {
        waiting.delete(queue);
        deliver(queue);
      });
    },
    onCredit(link) {
      const consumer = consumers.get(link);
      if (consumer) self.deliverSoon(consumer.queue);
    },
    drain(link) {
      setImmediate(() => {
        const consumer = consumers.get(link);
        if (consumer) deliver(consumer.queue);
        link.set_drained(true);
        processSoon(link.connection);
      });
    },
    settle(kind, delivery) {
      const consumer = consumers.get(delivery.link);
      const token = tokens.get(delivery);
      if (consumer && token) settleDelivery(delivery, outcomeOf(kind, delivery, consumer.queue, token));
    },
  };
  return self;
}

/** rhea holds back everything behind a delivery that has no credit, so none is handed to it without. */
function hasRoom(link: Sender): boolean {
  const { outgoing } = link.session;
  const unsent = outgoing.next_delivery_id - outgoing.next_pending_delivery;
  return link.is_open() && link.credit > unsent && outgoing.available() > 0;
}

/** rhea answers a drain only while credit is left; a drain that crosses the last message would never be answered. */
function answerEveryDrain(link: Sender): void {
  link._get_drain = () => {
    if (!(link._draining && link._drained)) return false;
    link.delivery_count += link.credit;
    link.credit = 0;
    return true;
  };
}

/** Answers with the source that a link asks for; locks its session, if it is for one, and returns that id. */
function openSource(link: Sender, queue: Queue<Sections>): string | undefined {
  const filter = link.source?.filter ?? {};
  const unknown = Object.keys(filter).find((name) => name !== SESSION_FILTER);
  if (unknown !== undefined) throw notImplemented(`The filter '${unknown}'`);
  const wantsSession = SESSION_FILTER in filter;
  if (wantsSession !== queue.settings.requiresSession) {
    throw notAllowed(`The queue '${queue.name}' ${wantsSession ? "has no sessions" : "is received from by session"}.`);
  }
  if (!wantsSession) {
    link.set_source({ address: link.source.address });
    return undefined;
  }
  const wanted: unknown = filter[SESSION_FILTER]?.value ?? filter[SESSION_FILTER];
  const id = queue.sessions.acquire(typeof wanted === "string" ? wanted : undefined, link);
  link.set_source({ address: link.source.address, filter: { [SESSION_FILTER]: types.wrap_string(id) } });
  const ticks = Buffer.alloc(8);
  ticks.writeBigInt64BE(BigInt(queue.sessions.lockedUntil(id)) * TICKS_PER_MILLISECOND + TICKS_AT_EPOCH);
  link.local.attach.properties = { "com.microsoft:locked-until-utc": types.wrap_long(ticks) };
  return id;
}

function outcomeOf(kind: DispositionKind, delivery: Delivery, queue: Queue<Sections>, token: string): Outcome {
  const state = delivery.remote_state;
  try {
    queue.settle(token, toSettlement(kind, state));
  } catch (error) {
    const { condition, message: description } = asRefusal(error);
    return message.rejected({ error: { condition, description } });
  }
  if (kind === "modified") return message.modified({ undeliverable_here: state?.["undeliverable_here"] === true });
  return kind === "rejected" ? message.rejected({}) : message[kind]();
}

/** The maps are read as rhea's reader left them, because their values keep their types there. */
function toSettlement(kind: DispositionKind, state: Delivery["remote_state"]): Settlement {
  const fields = state?.["value"];
  switch (kind) {
    case "accepted":
      return { outcome: "complete" };
    case "released":
      return { outcome: "release" };
    case "modified":
      return {
        outcome: state?.["undeliverable_here"] === true ? "defer" : "abandon",
        properties: mapEntries(fields?.[2]?.value),
      };
    case "rejected":
      return { outcome: "deadLetter", properties: mapEntries(fields?.[0]?.value?.[2]?.value) };
    default:
      return kind satisfies never;
  }
}
