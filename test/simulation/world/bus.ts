import queues from "../../../infra/queues.json" with { type: "json" };
import { PermanentError } from "../../../shared/domain/errors.ts";
import type { MessageBus, OutgoingMessage } from "../../../shared/ports/message-bus.ts";
import type { Faults } from "../kernel/faults.ts";
import type { Chance } from "../kernel/random.ts";
import type { Scheduler } from "../kernel/scheduler.ts";

/** A message in its queue. */
export interface QueuedMessage {
  queue: string;
  id: string;
  /** As JSON: what is received is never the object that was sent. */
  body: string;
  /** Times it was handed over so far. */
  deliveries: number;
  /** When it was handed over last, epoch milliseconds. */
  handedAt: number;
  /** Whoever has it at hand; a lock that was lost belongs to nobody. */
  lock: object | undefined;
  gone: boolean;
}

/** A message that lies where the bus or Belay set it aside. */
export interface SetAside {
  place: "dead-letter" | "poison";
  queue: string;
  sequenceNumber: string;
  /** The bus's own dead letter; of what lies in `poison` there is none. */
  message: QueuedMessage | undefined;
  id: string;
  body: string;
  reason: string;
  enqueuedAt: number;
  deliveryCount: number;
}

/** How pessimistic the bus is in one history. */
export interface BusMood {
  duplicates: number;
  delays: number;
  longDelays: number;
  /** Scheduled messages that come before their time: the bus's clock is ahead of the table's. */
  early: number;
  forgets: number;
  completionsLost: number;
  locksLost: number;
  /** The host failed so often before the function was asked that the bus gave the message up. */
  givenUp: number;
  /** The queue whose first message the bus gives up. */
  losesFirstOf?: string;
}

/** Service Bus in virtual time: peek lock and its loss, duplicates, delay, dead letters, duplicate detection. */
export interface SimulatedBus extends MessageBus {
  /** Who takes messages; false: nobody is there now. */
  onDue(take: (message: QueuedMessage) => boolean): void;
  /** The handler came to its end: the message is gone, if the lock is still its own. */
  complete(message: QueuedMessage, lock: object): void;
  /** The handler threw: the message comes again at once. */
  abandon(message: QueuedMessage, lock: object): void;
  /** The lock is lost while the handler goes on: the message comes again at once. */
  unlock(message: QueuedMessage, lock: object): void;
  /** Whoever had it is gone: its lock runs out. */
  orphan(message: QueuedMessage, lock: object): void;
  /** Told when a message is gone for good. */
  onGone(listener: (message: QueuedMessage) => void): void;
  onSend(listener: (message: OutgoingMessage) => void): void;
  /** Messages that are neither gone nor set aside. */
  open(): readonly QueuedMessage[];
  /** Everything that the bus has given up, and that Belay has set aside, so far. */
  deadLetters(): readonly QueuedMessage[];
  poisoned(): readonly { id: string; body: string }[];
  /** Ids the bus has taken so far, by queue. */
  took(queue: string, id: string): boolean;
  /** What lies set aside now. */
  setAside(): readonly SetAside[];
  /** Takes one off its place; false: it is not there any more. */
  takeOff(letter: SetAside): boolean;
  /** Puts a dead letter back into its queue as it was, as the Portal does. */
  resubmit(message: QueuedMessage): void;
}

const WINDOW_MS = 600_000;
const LOCK_MS = 30_000;
const MAX_DELIVERIES = 10;
const HOUR = 3_600_000;

export function createSimulatedBus(scheduler: Scheduler, chance: Chance, faults: Faults, mood: BusMood): SimulatedBus {
  const seen = new Map<string, number>();
  const open = new Set<QueuedMessage>();
  const dead: QueuedMessage[] = [];
  const poisoned: { id: string; body: string }[] = [];
  const listeners: ((message: OutgoingMessage) => void)[] = [];
  const gone: ((message: QueuedMessage) => void)[] = [];
  const lying = new Set<SetAside>();
  let numbers = 0;
  let take: (message: QueuedMessage) => boolean = () => false;

  const offer = (message: QueuedMessage, at: number): void => scheduler.at(at, () => hand(message));
  const hand = (message: QueuedMessage): void => {
    if (message.gone || message.lock !== undefined) return;
    if (message.deliveries >= MAX_DELIVERIES || isGivenUp(message)) {
      message.gone = true;
      open.delete(message);
      dead.push(message);
      const reason = "MaxDeliveryCountExceeded";
      layAside({ ...message, place: "dead-letter", message, reason, deliveryCount: message.deliveries });
      return;
    }
    message.deliveries += 1;
    message.handedAt = scheduler.now();
    message.lock = {};
    if (!take(message)) {
      message.deliveries -= 1;
      message.lock = undefined;
      offer(message, scheduler.now() + chance.between(2_000, 20_000));
      return;
    }
    loseLock(message);
  };
  const layAside = (letter: Omit<SetAside, "sequenceNumber" | "enqueuedAt">): void => {
    numbers += 1;
    const { place, queue, message, id, body, reason, deliveryCount } = letter;
    const enqueuedAt = scheduler.now();
    lying.add({ place, queue, message, id, body, reason, deliveryCount, enqueuedAt, sequenceNumber: String(numbers) });
  };
  const isGivenUp = ({ queue, id }: QueuedMessage) => {
    const first = queue === mood.losesFirstOf && dead.length === 0;
    return (first || chance.happens(mood.givenUp)) && faults.allows("message-given-up", id);
  };
  const loseLock = (message: QueuedMessage): void => {
    if (!chance.happens(mood.locksLost) || !faults.allows("lock-lost", message.id)) return;
    const { lock } = message;
    scheduler.at(scheduler.now() + chance.between(0, 40), () => release(message, lock, 0));
  };
  const release = (message: QueuedMessage, lock: object | undefined, afterMs: number): void => {
    if (message.gone || message.lock !== lock) return;
    message.lock = undefined;
    offer(message, scheduler.now() + afterMs);
  };
  const delayOf = (id: string): number => {
    if (chance.happens(mood.longDelays) && faults.allows("message-delayed-for-hours", id))
      return chance.between(HOUR, 24 * HOUR);
    if (chance.happens(mood.delays) && faults.allows("message-delayed", id)) return chance.between(5_000, 300_000);
    return chance.between(1, 400);
  };
  const isEarly = (id: string) => chance.happens(mood.early) && faults.allows("message-early", id);
  const add = ({ queue, id, body, at = 0 }: OutgoingMessage): void => {
    const message = { queue, id, body: JSON.stringify(body), deliveries: 0, handedAt: 0, lock: undefined, gone: false };
    open.add(message);
    const ahead = at > scheduler.now() && isEarly(id) ? chance.between(2_000, 60_000) : 0;
    offer(message, Math.max(at - ahead, scheduler.now()) + delayOf(id));
  };
  const isDuplicate = ({ queue, id }: OutgoingMessage): boolean => {
    const key = `${queue}|${id}`;
    const before = seen.get(key);
    seen.set(key, scheduler.now());
    if (before === undefined || scheduler.now() - before >= WINDOW_MS) return false;
    return !(chance.happens(mood.forgets) && faults.allows("duplicate-detection-forgot", id));
  };
  const enqueue = (message: OutgoingMessage): void => {
    for (const listener of listeners) listener(message);
    if (isDuplicate(message)) return;
    if (message.queue === "poison") {
      const { queue, id } = message;
      const body = JSON.stringify(message.body);
      poisoned.push({ id, body });
      layAside({ place: "poison", queue, message: undefined, id, body, reason: "", deliveryCount: 0 });
      return;
    }
    add(message);
    if (chance.happens(mood.duplicates) && faults.allows("message-duplicated", message.id)) add(message);
  };
  return {
    send: async (messages) => {
      for (const message of messages) check(message);
      for (const message of messages) enqueue(message);
    },
    ping: async () => {},
    onDue: (taker) => {
      take = taker;
    },
    complete: (message, lock) => {
      if (message.lock !== lock) return;
      if (chance.happens(mood.completionsLost) && faults.allows("completion-lost", message.id))
        return release(message, lock, LOCK_MS);
      message.gone = true;
      open.delete(message);
      for (const listener of gone) listener(message);
    },
    abandon: (message, lock) => release(message, lock, 0),
    unlock: (message, lock) => release(message, lock, 0),
    orphan: (message, lock) => scheduler.at(scheduler.now() + LOCK_MS, () => release(message, lock, 0)),
    onGone: (listener) => void gone.push(listener),
    onSend: (listener) => void listeners.push(listener),
    open: () => [...open],
    deadLetters: () => dead,
    poisoned: () => poisoned,
    took: (queue, id) => seen.has(`${queue}|${id}`),
    setAside: () => [...lying],
    takeOff: (letter) => lying.delete(letter),
    resubmit: (message) => {
      const copy = { ...message, deliveries: 0, lock: undefined, gone: false };
      open.add(copy);
      offer(copy, scheduler.now());
    },
  };
}

function check({ queue, id, body }: OutgoingMessage): void {
  if (!Object.hasOwn(queues, queue)) throw new PermanentError("configuration-wrong", `There is no queue ${queue}.`);
  if (id.length > 128) throw new PermanentError("unexpected", "A message's id is too long.");
  if (body === undefined) throw new PermanentError("unexpected", "A message has no body.");
}
