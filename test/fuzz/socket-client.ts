import { connect } from "node:net";

/** What a server answered; `status` 0: the connection ended without an answer. */
export interface SocketAnswer {
  status: number;
  body: string;
}

/** A request as it goes over the wire. */
export interface WireRequest {
  bytes: Buffer;
  /** HEAD is answered without the body that its head announces. */
  withoutBody: boolean;
  /** Its end cannot be told: nothing is sent after it, and the connection is given up with its answer. */
  closes: boolean;
}

const HEAD_END = "\r\n\r\n";

/** Sends requests over so many kept connections, on each one after the other; a connection that was closed is opened anew. */
export async function sendAll(
  address: URL,
  connections: number,
  next: () => WireRequest | undefined,
  take: (request: WireRequest, answer: SocketAnswer) => void,
): Promise<void> {
  const work = async () => {
    let connection: Connection | undefined;
    for (let request = next(); request !== undefined; request = next()) {
      if (connection === undefined || connection.closed()) connection = await open(address);
      take(request, await connection.exchange(request));
    }
    connection?.end();
  };
  await Promise.all(Array.from({ length: connections }, work));
}

interface Connection {
  exchange(request: WireRequest): Promise<SocketAnswer>;
  closed(): boolean;
  end(): void;
}

async function open({ hostname, port }: URL): Promise<Connection> {
  const socket = connect(Number(port), hostname);
  socket.setNoDelay(true);
  let closed = false;
  let received = Buffer.alloc(0);
  let waiting: { request: WireRequest; done: (answer: SocketAnswer) => void } | undefined;
  const answer = (found: SocketAnswer) => {
    const { done } = waiting ?? {};
    waiting = undefined;
    received = Buffer.alloc(0);
    done?.(found);
  };
  socket.on("data", (chunk) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    const found = readAnswer(received, waiting?.request.withoutBody === true, false);
    if (found === undefined) return;
    if (found.closes || waiting?.request.closes === true) {
      closed = true;
      socket.destroy();
    }
    answer(found);
  });
  socket.on("error", () => undefined);
  socket.on("close", () => {
    closed = true;
    answer(readAnswer(received, waiting?.request.withoutBody === true, true) ?? { status: 0, body: "" });
  });
  await new Promise<void>((done, fail) => {
    socket.once("connect", done);
    socket.once("error", fail);
  });
  return {
    exchange: (request) =>
      new Promise((done) => {
        waiting = { request, done };
        if (request.closes) socket.end(request.bytes);
        else socket.write(request.bytes);
      }),
    closed: () => closed,
    end: () => socket.destroy(),
  };
}

type Found = SocketAnswer & { closes: boolean };

/** The first whole answer; undefined while it is not whole. `atEnd`: nothing more will come. */
function readAnswer(received: Buffer, withoutBody: boolean, atEnd: boolean): Found | undefined {
  const end = received.indexOf(HEAD_END);
  if (end === -1) return undefined;
  const head = received.toString("latin1", 0, end);
  const rest = received.subarray(end + HEAD_END.length);
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0);
  // 100 Continue and its like are not the answer.
  if (status < 200) return readAnswer(rest, withoutBody, atEnd);
  const closes = /\r\nconnection: *close/i.test(head);
  const body = withoutBody ? "" : readBody(head, rest, closes, atEnd);
  return body === undefined ? undefined : { status, body, closes };
}

/** Without a length the body is all that comes before the end. */
function readBody(head: string, rest: Buffer, closes: boolean, atEnd: boolean): string | undefined {
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (atEnd || (length === undefined && !closes)) return rest.toString("utf8");
  if (length === undefined || rest.length < Number(length)) return undefined;
  return rest.toString("utf8", 0, Number(length));
}
