/** The first whole HTTP/1.1 answer in what a connection received. */
export interface FirstAnswer {
  status: number;
  /** Its bytes, head and body. */
  length: number;
}

const HEAD_END = "\r\n\r\n";

/** Undefined while it is not whole; throws on an answer without Content-Length, which no server of the bench sends. */
export function firstAnswer(received: Buffer): FirstAnswer | undefined {
  const end = received.indexOf(HEAD_END);
  if (end === -1) return undefined;
  const head = received.toString("latin1", 0, end);
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1]);
  const body = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1]);
  if (!Number.isInteger(status) || !Number.isInteger(body))
    throw new Error(`An answer that cannot be read: ${head.slice(0, 200)}`);
  const length = end + HEAD_END.length + body;
  return received.length < length ? undefined : { status, length };
}
