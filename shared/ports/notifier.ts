/** What one ending says to people. Duplicates carry the same id. */
export interface Notification {
  id: string;
  target: string;
  deployment: string;
  phase: string;
  /** One line. */
  title: string;
  /** What happened, why, what serves now and what to do: one sentence each. */
  lines: readonly string[];
  /** The same as data, for machines. */
  data: Readonly<Record<string, unknown>>;
}

/** Tells one channel. Errors: TransientError (told again later), PermanentError (set aside). */
export interface Notifier {
  notify(notification: Notification, signal: AbortSignal): Promise<void>;
}
