import { type Alarm, createAlarm } from "./alarm.ts";
import type { Clock } from "./clock.ts";
import { notAllowed, Refusal, sessionLockLost } from "./refusal.ts";

interface Session {
  owner: object | undefined;
  lockedUntil: number;
  state: Buffer | undefined;
}

export interface SessionsOptions {
  readonly clock: Clock;
  readonly lockMilliseconds: number;
  /** Session ids of the messages that wait, first come first. */
  readonly waiting: () => Iterable<string | undefined>;
  /** Told of each session that became free; the owner is there when its lock ran out. */
  readonly onFreed: (id: string, lostBy?: object) => void;
}

/** The session locks and session states of one queue; the owner of a lock is whatever object asked for it. */
export class Sessions {
  private readonly sessions = new Map<string, Session>();
  private readonly options: SessionsOptions;
  private readonly alarm: Alarm;

  constructor(options: SessionsOptions) {
    this.options = options;
    this.alarm = createAlarm(options.clock, () => this.expire());
  }

  /** Locks the wanted session, or the first free one that has a message, and returns its id. */
  acquire(wanted: string | undefined, owner: object): string {
    this.expire();
    const id = wanted ?? this.firstFree();
    const known = this.sessions.get(id);
    if (known?.owner !== undefined) {
      const description = `The session '${id}' is locked by another receiver.`;
      throw new Refusal(410, "com.microsoft:session-cannot-be-locked", description);
    }
    this.sessions.set(id, { owner, lockedUntil: 0, state: known?.state });
    this.renew(id);
    return id;
  }

  /** Extends the lock of a held session and returns its new end, in milliseconds since the epoch. */
  renew(id: string): number {
    const session = this.held(id);
    session.lockedUntil = this.options.clock.now() + this.options.lockMilliseconds;
    this.alarm.setFor(session.lockedUntil);
    return session.lockedUntil;
  }

  lockedUntil(id: string | undefined): number {
    return this.held(id).lockedUntil;
  }

  /** Gives back the session of a receiver that closed. */
  release(owner: object): void {
    for (const [id, session] of this.sessions) if (session.owner === owner) this.free(id, session);
  }

  getState(id: string): Buffer | undefined {
    this.expire();
    return this.held(id).state;
  }

  setState(id: string, state: Buffer | undefined): void {
    this.expire();
    this.held(id).state = state;
  }

  /** Frees the sessions whose lock is over by now. */
  expire(): void {
    const now = this.options.clock.now();
    for (const [id, session] of this.sessions) {
      if (session.owner === undefined) continue;
      if (session.lockedUntil <= now) this.free(id, session, session.owner);
      else this.alarm.setFor(session.lockedUntil);
    }
  }

  close(): void {
    this.alarm.cancel();
  }

  private firstFree(): string {
    for (const id of this.options.waiting()) {
      if (id !== undefined && this.sessions.get(id)?.owner === undefined) return id;
    }
    throw new Refusal(408, "com.microsoft:timeout", "No session with messages is free.");
  }

  private free(id: string, session: Session, lostBy?: object): void {
    session.owner = undefined;
    if (session.state === undefined) this.sessions.delete(id);
    this.options.onFreed(id, lostBy);
  }

  private held(id: string | undefined): Session {
    if (id === undefined) throw notAllowed("The operation needs a session id.");
    const session = this.sessions.get(id);
    if (session?.owner === undefined) throw sessionLockLost();
    return session;
  }
}
