import { randomUUID } from "node:crypto";
import { type Alarm, createAlarm } from "./alarm.ts";
import type { Clock } from "./clock.ts";
import { createDuplicateWindow, type DuplicateWindow } from "./duplicate-window.ts";
import {
  type Counts,
  type IncomingMessage,
  newMessage,
  type QueuedMessage,
  type ReceiveMode,
  type Settlement,
} from "./message.ts";
import { countOperation, type Operations } from "./operations.ts";
import type { QueueSettings } from "./properties.ts";
import { messageLockLost, messageNotFound, notAllowed, quotaExceeded, sessionLockLost } from "./refusal.ts";
import { Sessions } from "./sessions.ts";

const NEVER = Number.POSITIVE_INFINITY;

export interface QueueOptions<Content> {
  readonly name: string;
  readonly settings: QueueSettings;
  readonly clock: Clock;
  readonly operations: Operations;
  /** Absent for a dead-letter queue: nothing expires there, and nothing is moved on. */
  readonly deadLetterQueue?: Queue<Content>;
}

/** One queue as a state machine in memory: no protocol, no clock but the injected one, and what is due is done before each operation. */
export class Queue<Content> {
  readonly name: string;
  readonly settings: QueueSettings;
  readonly sessions: Sessions;
  /** Called when a message may have become available to a receiver. */
  onAvailable: () => void = () => undefined;
  /** Called with the owner whose session lock ran out. */
  onSessionLost: (owner: object) => void = () => undefined;

  private readonly clock: Clock;
  private readonly operations: Operations;
  private readonly deadLetterQueue: Queue<Content> | undefined;
  private readonly duplicates: DuplicateWindow;
  private readonly alarm: Alarm;
  /** In order of sequence number. */
  private readonly active: QueuedMessage<Content>[] = [];
  private readonly deferred = new Map<number, QueuedMessage<Content>>();
  private readonly scheduled = new Map<number, QueuedMessage<Content>>();
  /** By token; the lock that ends first stands first, because every lock of a queue lasts equally long. */
  private readonly locked = new Map<string, QueuedMessage<Content>>();
  private lastSequenceNumber = 0;
  private bytes = 0;
  private soonestExpiry = NEVER;
  private soonestSchedule = NEVER;

  constructor({ name, settings, clock, operations, deadLetterQueue }: QueueOptions<Content>) {
    this.name = name;
    this.settings = settings;
    this.clock = clock;
    this.operations = operations;
    this.deadLetterQueue = deadLetterQueue;
    this.alarm = createAlarm(clock, () => this.turn(() => undefined));
    this.sessions = new Sessions({
      clock,
      lockMilliseconds: settings.lockDuration,
      waiting: () => this.active.map(({ incoming }) => incoming.sessionId),
      onFreed: (id, lostBy) => this.giveBackSession(id, lostBy),
    });
    this.duplicates = createDuplicateWindow(
      settings.requiresDuplicateDetection ? settings.duplicateDetectionHistoryTimeWindow : 0,
    );
  }

  /** Takes in messages, all or none, and returns their sequence numbers; a dropped duplicate's leads nowhere. */
  enqueue(batch: readonly IncomingMessage<Content>[]): number[] {
    return this.turn((now) => {
      this.refuseUnlessAcceptable(batch);
      return batch.map((incoming) => this.accept(incoming, now));
    });
  }

  /** The next message for a receiver, of its session if the queue has sessions. */
  take(mode: ReceiveMode, sessionId?: string): QueuedMessage<Content> | undefined {
    return this.turn((now) => {
      const { requiresSession } = this.settings;
      const index = requiresSession ? this.active.findIndex(({ incoming }) => incoming.sessionId === sessionId) : 0;
      const message = this.active[index];
      if (message === undefined) return undefined;
      this.active.splice(index, 1);
      this.hand(message, mode, now);
      return message;
    });
  }

  /** Deferred messages by sequence number, all or none. */
  takeDeferred(sequenceNumbers: readonly number[], mode: ReceiveMode): QueuedMessage<Content>[] {
    return this.turn((now) => {
      const messages = sequenceNumbers.map((sequenceNumber) => existing(this.deferred.get(sequenceNumber)));
      for (const message of messages) {
        this.deferred.delete(message.sequenceNumber);
        this.hand(message, mode, now);
      }
      return messages;
    });
  }

  /** Ends a lock; throws when it is already over, even if nobody has noticed yet. */
  settle(token: string, { outcome, properties = [] }: Settlement): void {
    this.turn(() => {
      const message = this.held(token);
      if (outcome === "deadLetter" && this.deadLetterQueue === undefined) {
        throw notAllowed("A message of a dead-letter queue cannot be dead-lettered.");
      }
      for (const [name, value] of properties) message.addedProperties.set(name, value);
      this.unlock(message);
      this.settleAs(outcome, message);
    });
  }

  /** Extends a message's lock and returns its new end. */
  renew(token: string): number {
    return this.turn((now) => {
      const message = this.held(token);
      if (this.settings.requiresSession) throw notAllowed("A message of a session has no lock of its own to renew.");
      this.unlock(message);
      countOperation(this.operations, "renewed");
      return this.lock(message, token, now + this.settings.lockDuration);
    });
  }

  /** Takes back scheduled messages, all or none. */
  cancelScheduled(sequenceNumbers: readonly number[]): void {
    this.turn(() => {
      const messages = sequenceNumbers.map((sequenceNumber) => existing(this.scheduled.get(sequenceNumber)));
      for (const message of messages) {
        this.scheduled.delete(message.sequenceNumber);
        this.forget(message);
        countOperation(this.operations);
      }
    });
  }

  /** Messages in any state from a sequence number on, without locking them. */
  peek(fromSequenceNumber: number, count: number, sessionId?: string): QueuedMessage<Content>[] {
    return this.turn(() => {
      countOperation(this.operations);
      return [...this.active, ...this.locked.values(), ...this.deferred.values(), ...this.scheduled.values()]
        .filter((message) => message.sequenceNumber >= fromSequenceNumber)
        .filter(({ incoming }) => sessionId === undefined || incoming.sessionId === sessionId)
        .sort((one, other) => one.sequenceNumber - other.sequenceNumber)
        .slice(0, count);
    });
  }

  counts(): Counts {
    return this.turn(() => ({
      active: this.active.length,
      scheduled: this.scheduled.size,
      locked: this.locked.size,
      deferred: this.deferred.size,
    }));
  }

  /** When a locked message's lock ends, which in a session is when the session's does. */
  lockedUntil({ lock, incoming }: QueuedMessage<Content>): number | undefined {
    return lock && this.settings.requiresSession ? this.sessions.lockedUntil(incoming.sessionId) : lock?.until;
  }

  /** Stops the timers; the queue is not used afterwards. */
  close(): void {
    this.alarm.cancel();
    this.sessions.close();
  }

  private turn<Result>(operation: (now: number) => Result): Result {
    const now = this.clock.now();
    try {
      this.doWhatIsDue(now);
      return operation(now);
    } finally {
      const [firstLocked] = this.locked.values();
      this.alarm.setFor(Math.min(firstLocked?.lock?.until ?? NEVER, this.soonestSchedule, this.soonestExpiry));
    }
  }

  private doWhatIsDue(now: number): void {
    if (this.settings.requiresSession) this.sessions.expire();
    for (const message of this.locked.values()) {
      if (message.lock === undefined || message.lock.until > now) break;
      this.giveBack(message, { counted: true });
    }
    if (this.soonestSchedule <= now) this.activateScheduled(now);
    if (this.soonestExpiry <= now) this.removeExpired(now);
  }

  private refuseUnlessAcceptable(batch: readonly IncomingMessage<Content>[]): void {
    if (this.settings.requiresSession && batch.some(({ sessionId }) => sessionId === undefined)) {
      throw notAllowed(`The queue '${this.name}' requires a session id on every message.`);
    }
    const stored = this.bytes + (this.deadLetterQueue?.bytes ?? 0);
    if (batch.reduce((sum, { bytes }) => sum + bytes, stored) > this.settings.maxSizeInBytes) {
      throw quotaExceeded(this.name);
    }
  }

  private accept(incoming: IncomingMessage<Content>, now: number): number {
    const sequenceNumber = this.nextSequenceNumber();
    if (this.duplicates.isDuplicate(incoming.messageId, now)) {
      countOperation(this.operations, "duplicatesDropped");
      return sequenceNumber;
    }
    this.bytes += incoming.bytes;
    const isLater = (incoming.scheduledFor ?? now) > now;
    countOperation(this.operations, isLater ? "scheduled" : "sent");
    if (isLater) this.schedule(incoming, sequenceNumber, now);
    else this.activate(incoming, sequenceNumber, now);
    return sequenceNumber;
  }

  private schedule(incoming: IncomingMessage<Content>, sequenceNumber: number, now: number): void {
    this.scheduled.set(sequenceNumber, { ...newMessage(incoming, sequenceNumber, now), state: "scheduled" });
    this.soonestSchedule = Math.min(this.soonestSchedule, dueAt(incoming));
  }

  private activate(incoming: IncomingMessage<Content>, sequenceNumber: number, now: number): void {
    const timeToLive = Math.min(incoming.timeToLiveMilliseconds ?? NEVER, this.settings.defaultMessageTimeToLive);
    this.insert({ ...newMessage(incoming, sequenceNumber, now), expiresAt: now + timeToLive });
  }

  /** As in Azure, a scheduled message gets a new sequence number when it is due, and its time to live starts there. */
  private activateScheduled(now: number): void {
    const due = [...this.scheduled.values()].filter(({ incoming }) => dueAt(incoming) <= now);
    for (const { sequenceNumber } of due) this.scheduled.delete(sequenceNumber);
    this.soonestSchedule = Math.min(...[...this.scheduled.values()].map(({ incoming }) => dueAt(incoming)));
    for (const { incoming } of due.sort((one, other) => dueAt(one.incoming) - dueAt(other.incoming))) {
      this.activate(incoming, this.nextSequenceNumber(), now);
    }
  }

  private removeExpired(now: number): void {
    const messages = this.active.splice(0);
    this.soonestExpiry = NEVER;
    for (const message of messages) {
      if (message.expiresAt > now) this.insert(message);
      else if (!this.settings.deadLetteringOnMessageExpiration) this.forget(message);
      else this.deadLetter(message, "TTLExpiredException", "The message expired and was dead lettered.");
    }
  }

  /** What is given back stands before what came later. */
  private insert(message: QueuedMessage<Content>): void {
    const last = this.active.findLastIndex(({ sequenceNumber }) => sequenceNumber < message.sequenceNumber);
    this.active.splice(last + 1, 0, message);
    message.state = "active";
    this.soonestExpiry = Math.min(this.soonestExpiry, message.expiresAt);
    this.onAvailable();
  }

  private hand(message: QueuedMessage<Content>, mode: ReceiveMode, now: number): void {
    countOperation(this.operations, "received");
    if (mode === "receiveAndDelete") this.forget(message);
    else this.lock(message, randomUUID(), this.settings.requiresSession ? NEVER : now + this.settings.lockDuration);
  }

  private lock(message: QueuedMessage<Content>, token: string, until: number): number {
    message.lock = { token, until };
    this.locked.set(token, message);
    return until;
  }

  private unlock(message: QueuedMessage<Content>): void {
    if (message.lock) this.locked.delete(message.lock.token);
    message.lock = undefined;
  }

  private held(token: string): QueuedMessage<Content> {
    const message = this.locked.get(token);
    if (message === undefined) throw this.settings.requiresSession ? sessionLockLost() : messageLockLost();
    return message;
  }

  private settleAs(outcome: Settlement["outcome"], message: QueuedMessage<Content>): void {
    switch (outcome) {
      case "complete":
        countOperation(this.operations, "completed");
        this.forget(message);
        break;
      case "abandon":
      case "release":
        countOperation(this.operations, "abandoned");
        this.giveBack(message, { counted: outcome === "abandon" });
        break;
      case "defer":
        countOperation(this.operations);
        this.defer(message);
        break;
      case "deadLetter":
        countOperation(this.operations);
        this.deadLetter(message);
        break;
      default:
        outcome satisfies never;
    }
  }

  private defer(message: QueuedMessage<Content>): void {
    message.state = "deferred";
    this.deferred.set(message.sequenceNumber, message);
  }

  /** A message that was received as a deferred one stays deferred. */
  private giveBack(message: QueuedMessage<Content>, { counted }: { readonly counted: boolean }): void {
    this.unlock(message);
    if (counted) message.deliveryCount += 1;
    if (message.state === "deferred") this.defer(message);
    else if (this.deadLetterQueue === undefined || message.deliveryCount < this.settings.maxDeliveryCount) {
      this.insert(message);
    } else {
      const description = `Message could not be consumed after ${message.deliveryCount} delivery attempts.`;
      this.deadLetter(message, "MaxDeliveryCountExceeded", description);
    }
  }

  /** A session whose lock ran out counts as a delivery of what was locked in it; one that was closed does not. */
  private giveBackSession(id: string, lostBy: object | undefined): void {
    const messages = [...this.locked.values()].filter(({ incoming }) => incoming.sessionId === id);
    for (const message of messages) this.giveBack(message, { counted: lostBy !== undefined });
    if (lostBy !== undefined) this.onSessionLost(lostBy);
    this.onAvailable();
  }

  private deadLetter(message: QueuedMessage<Content>, reason?: string, description?: string): void {
    if (reason !== undefined) message.addedProperties.set("DeadLetterReason", reason);
    if (description !== undefined) message.addedProperties.set("DeadLetterErrorDescription", description);
    this.operations.deadLettered += 1;
    this.forget(message);
    this.deadLetterQueue?.adopt(message, this.name);
  }

  /** Takes a message that another queue gave up. */
  private adopt(message: QueuedMessage<Content>, deadLetterSource: string): void {
    this.bytes += message.incoming.bytes;
    const sequenceNumber = this.nextSequenceNumber();
    this.insert({ ...message, sequenceNumber, deadLetterSource, enqueuedAt: this.clock.now(), expiresAt: NEVER });
  }

  private forget(message: QueuedMessage<Content>): void {
    this.bytes -= message.incoming.bytes;
  }

  private nextSequenceNumber(): number {
    this.lastSequenceNumber += 1;
    return this.lastSequenceNumber;
  }
}

function dueAt({ scheduledFor = 0 }: IncomingMessage<unknown>): number {
  return scheduledFor;
}

function existing<Content>(message: QueuedMessage<Content> | undefined): QueuedMessage<Content> {
  if (message === undefined) throw messageNotFound();
  return message;
}
