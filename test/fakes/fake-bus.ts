import queues from "../../infra/queues.json" with { type: "json" };
import { PermanentError } from "../../shared/domain/errors.ts";
import type { MessageBus, OutgoingMessage } from "../../shared/ports/message-bus.ts";

export interface Delivery {
  queue: string;
  id: string;
  body: unknown;
}

/** Queues in memory under virtual time: scheduling, duplicate detection, redelivery. */
export interface FakeBus extends MessageBus {
  /** Takes the next message that is due, by time then order; undefined: nothing is due. */
  take(now: number): Delivery | undefined;
  /** Puts a message back as if its lock had expired. */
  giveBack(delivery: Delivery, at: number): void;
  /** When the next message is due. */
  nextAt(): number | undefined;
  sent(): readonly OutgoingMessage[];
  /** Everything in the poison queue. */
  poisoned(): readonly unknown[];
}

const WINDOW_MS = 600_000;
const MAX_BODY = 256 * 1024;

/** What the bus would not take. */
function check({ queue, id, body }: OutgoingMessage): void {
  if (!Object.hasOwn(queues, queue)) throw new PermanentError("configuration-wrong", `There is no queue ${queue}.`);
  if (id.length > 128) throw new PermanentError("unexpected", "A message's id is too long.");
  if (JSON.stringify(body).length > MAX_BODY)
    throw new PermanentError("configuration-wrong", "A message is too large.");
}

export function createFakeBus(now: () => number, pick: (due: number) => number = () => 0): FakeBus {
  const queued: (Delivery & { at: number })[] = [];
  const seen = new Map<string, number>();
  const sent: OutgoingMessage[] = [];
  const poisoned: unknown[] = [];
  const enqueue = (message: OutgoingMessage) => {
    sent.push(message);
    const key = `${message.queue}|${message.id}`;
    const before = seen.get(key);
    if (before !== undefined && now() - before < WINDOW_MS) return;
    seen.set(key, now());
    if (message.queue === "poison") poisoned.push(message.body);
    else
      queued.push({ queue: message.queue, id: message.id, body: message.body, at: Math.max(message.at ?? 0, now()) });
  };
  return {
    send: async (messages) => {
      for (const message of messages) check(message);
      for (const message of messages) enqueue({ ...message, body: structuredClone(message.body) });
    },
    ping: async () => {},
    take: (at) => {
      const due = queued.filter((message) => message.at <= at).sort((a, b) => a.at - b.at);
      const chosen = due[pick(due.length)];
      if (chosen === undefined) return undefined;
      queued.splice(queued.indexOf(chosen), 1);
      return { queue: chosen.queue, id: chosen.id, body: chosen.body };
    },
    giveBack: (delivery, at) => {
      queued.push({ ...delivery, at });
    },
    nextAt: () => (queued.length === 0 ? undefined : Math.min(...queued.map(({ at }) => at))),
    sent: () => sent,
    poisoned: () => poisoned,
  };
}
