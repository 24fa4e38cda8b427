/** Something the broker refuses: the AMQP error condition of a link or a disposition, and the status of a reply. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly status: number;
  readonly condition: string;

  constructor(status: number, condition: string, description: string) {
    super(description);
    this.status = status;
    this.condition = condition;
  }
}

export const notImplemented = (what: string): Refusal =>
  new Refusal(501, "amqp:not-implemented", `${what} is not implemented by this broker.`);

export const notFound = (address: string): Refusal =>
  new Refusal(404, "amqp:not-found", `The messaging entity '${address}' could not be found.`);

export const notAllowed = (description: string): Refusal => new Refusal(400, "amqp:not-allowed", description);

export const unauthorized = (description: string): Refusal => new Refusal(401, "amqp:unauthorized-access", description);

export const malformed = (description: string): Refusal => new Refusal(400, "amqp:decode-error", description);

export const tooLarge = (bytes: number, limit: number): Refusal =>
  new Refusal(403, "amqp:link:message-size-exceeded", `The message of ${bytes} bytes exceeds the limit of ${limit}.`);

export const quotaExceeded = (queue: string): Refusal =>
  new Refusal(403, "amqp:resource-limit-exceeded", `The maximum size of '${queue}' has been reached.`);

export const messageNotFound = (): Refusal =>
  new Refusal(404, "com.microsoft:message-not-found", "No message has the given sequence number in that state.");

export const messageLockLost = (): Refusal =>
  new Refusal(
    410,
    "com.microsoft:message-lock-lost",
    "The lock supplied is invalid: it expired, or the message has already been removed from the queue.",
  );

export const sessionLockLost = (): Refusal =>
  new Refusal(410, "com.microsoft:session-lock-lost", "The session lock has expired.");

/** The refusal that an error means; what is not one is the broker's own fault. */
export function asRefusal(error: unknown): Refusal {
  return error instanceof Refusal ? error : new Refusal(500, "amqp:internal-error", String(error));
}
