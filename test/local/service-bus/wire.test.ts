import { createHmac } from "node:crypto";
import rhea, { type Connection, type Delivery, type EventContext, type Receiver } from "rhea";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { keepRawMessages } from "../../../infra/local/service-bus/amqp.ts";
import { createServiceBusBroker, type ServiceBusBroker } from "../../../infra/local/service-bus/broker.ts";
import { decodeMessage, encodeMessage, reorderGuid } from "../../../infra/local/service-bus/codec.ts";
import { newMessage } from "../../../infra/local/service-bus/message.ts";

/** A peer that does what the SDK never does: everything at once, out of order, or not at all. */

const KEY = "c2VjcmV0";
const EMPTY_FRAME = Buffer.from("0000000802000000", "hex");

let broker: ServiceBusBroker;
let connection: Connection;

beforeEach(async () => {
  broker = createServiceBusBroker({ queues: { q: {}, sessions: { requiresSession: true } }, sharedAccessKey: KEY });
  await broker.listen();
  connection = await connect();
  expect(await request("$cbs", "status-code", putToken(KEY))).toMatchObject({ "status-code": 202 });
});

afterEach(async () => {
  connection.close();
  await broker.close();
});

async function connect(): Promise<Connection> {
  const port = Number(/:(\d+);/.exec(broker.connectionString)?.[1]);
  const container = rhea.create_container();
  container.on("disconnected", () => undefined);
  const opened = container.connect({ host: "127.0.0.1", port, reconnect: false, username: "anonymous" });
  await event(opened, "connection_open");
  return opened;
}

function event(emitter: { once(name: string, listener: (context: EventContext) => void): unknown }, name: string) {
  return new Promise<EventContext>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${name}`)), 2000);
    emitter.once(name, (context) => {
      clearTimeout(timer);
      resolve(context);
    });
  });
}

function putToken(
  key: string,
  resource = encodeURIComponent("sb://127.0.0.1/q"),
  expiry = Math.ceil(Date.now() / 1000) + 60,
) {
  const signature = createHmac("sha256", key).update(`${resource}\n${expiry}`).digest("base64");
  const fields = `sr=${resource}&sig=${encodeURIComponent(signature)}&se=${expiry}&skn=RootManageSharedAccessKey`;
  return {
    properties: { operation: "put-token", type: "servicebus.windows.net:sastoken", name: "sb://127.0.0.1/q" },
    body: `SharedAccessSignature ${fields}`,
  };
}

/** Asks a node and returns the application properties of its answer. */
async function request(
  node: string,
  status: string,
  { properties, body }: { properties: Record<string, unknown>; body?: unknown },
  over = connection,
): Promise<Record<string, unknown>> {
  const replies = over.open_receiver({ source: node, name: `reply-${node}-${status}-${Math.random()}` });
  const sender = over.open_sender(node);
  const answered = event(replies, "message");
  await event(replies, "receiver_open");
  sender.send({ message_id: "1", reply_to: replies.name, application_properties: properties, body });
  const { message } = await answered;
  expect(message?.correlation_id).toBe("1");
  return message?.application_properties ?? {};
}

async function send(...bodies: unknown[]): Promise<void> {
  const sender = connection.open_sender("q");
  await event(sender, "sendable");
  for (const body of bodies) {
    const accepted = event(sender, "accepted");
    sender.send({ body, message_id: String(body) });
    await accepted;
  }
  sender.close();
}

/** A receiver that locks, settles second, and gets no credit but what it is given. */
function openReceiver(): Receiver {
  return connection.open_receiver({
    source: "q",
    autoaccept: false,
    autosettle: false,
    credit_window: 0,
    snd_settle_mode: 0,
    rcv_settle_mode: 1,
  });
}

function collect(receiver: Receiver): { message: NonNullable<EventContext["message"]>; delivery: Delivery }[] {
  const received: { message: NonNullable<EventContext["message"]>; delivery: Delivery }[] = [];
  receiver.on("message", ({ message, delivery }: EventContext) => {
    if (message && delivery) received.push({ message, delivery });
  });
  return received;
}

const accepted = () => rhea.message.accepted().described();
const abandoned = () => rhea.message.modified({ undeliverable_here: false }).described();

describe("what is refused", () => {
  async function refusalOf(
    link: { once(name: string, listener: (context: EventContext) => void): unknown },
    name: string,
  ) {
    const { sender, receiver } = await event(link, name);
    return (sender ?? receiver)?.error;
  }

  test.each([
    ["an unknown operation", "com.microsoft:batch-delete-messages", {}, 501, "amqp:not-implemented"],
    [
      "a request of the wrong shape",
      "com.microsoft:peek-message",
      { "message-count": "many" },
      400,
      "amqp:decode-error",
    ],
    [
      "a lock that nobody holds",
      "com.microsoft:renew-lock",
      { "lock-tokens": [Buffer.alloc(16)] },
      410,
      "com.microsoft:message-lock-lost",
    ],
  ])("%s of $management is answered with its status", async (_name, operation, body, status, condition) => {
    const reply = await request("q/$management", "statusCode", { properties: { operation }, body });
    expect(reply).toMatchObject({ statusCode: status, errorCondition: condition });
  });

  test("peek on an empty queue is 204, in the spelling of $management", async () => {
    const body = { "from-sequence-number": 1, "message-count": 5 };
    const reply = await request("q/$management", "statusCode", {
      properties: { operation: "com.microsoft:peek-message" },
      body,
    });
    expect(reply).toMatchObject({ statusCode: 204 });
  });

  test.each([
    ["of another key", putToken("other"), 401],
    ["that is over", putToken(KEY, "r", Math.floor(Date.now() / 1000) - 1), 401],
    ["that is a JWT", { properties: { operation: "put-token", type: "jwt" }, body: "e30" }, 501],
  ])("a token %s is refused, and its connection may open nothing", async (_name, token, status) => {
    const stranger = await connect();
    expect(await request("$cbs", "status-code", token, stranger)).toMatchObject({ "status-code": status });
    const error = await refusalOf(stranger.open_sender("q"), "sender_error");
    expect(error).toMatchObject({ condition: "amqp:unauthorized-access" });
    stranger.close();
  });

  test.each([
    ["an unknown queue", "nowhere", "amqp:not-found"],
    ["a topic's subscription", "events/Subscriptions/all", "amqp:not-implemented"],
    ["a transfer queue", "q/$Transfer/$DeadLetterQueue", "amqp:not-implemented"],
    ["a link to no address, as transactions use it", "", "amqp:not-implemented"],
  ])("%s", async (_name, address, condition) => {
    const error = await refusalOf(connection.open_sender({ target: { address } }), "sender_error");
    expect(error).toMatchObject({ condition });
  });

  test.each([
    ["a filter it does not know", "q", { "apache.org:selector-filter:string": "a = 1" }, "amqp:not-implemented"],
    ["a session of a queue that has none", "q", { "com.microsoft:session-filter": "A" }, "amqp:not-allowed"],
    ["no session of a queue that has them", "sessions", {}, "amqp:not-allowed"],
  ])("receiving with %s", async (_name, address, filter, condition) => {
    const error = await refusalOf(connection.open_receiver({ source: { address, filter } }), "receiver_error");
    expect(error).toMatchObject({ condition });
  });

  test("a message format it does not know, and bytes that are no message", async () => {
    const sender = connection.open_sender("q");
    await event(sender, "sendable");
    const rejected = event(sender, "rejected");
    sender.send(Buffer.from([1, 2, 3]), "t1", 7);
    expect((await rejected).delivery?.remote_state?.["error"]).toMatchObject({ condition: "amqp:not-implemented" });
    const again = event(sender, "rejected");
    sender.send(Buffer.from([0xff, 0xff]), "t2", 0);
    expect((await again).delivery?.remote_state?.["error"]).toMatchObject({ condition: "amqp:decode-error" });
    expect(broker.inspect("q").active).toBe(0);
  });
});

describe("traps of rhea and of the network", () => {
  test("integer types survive: a message goes out with the bytes that came in", async () => {
    const sender = connection.open_sender("q");
    await event(sender, "sendable");
    const properties = {
      long: rhea.types.wrap_long(5),
      ulong: rhea.types.wrap_ulong(5),
      short: rhea.types.wrap_short(5),
    };
    sender.send({ body: rhea.types.wrap_ushort(7), message_id: "typed", application_properties: properties });
    await event(sender, "accepted");
    keepRawMessages(sender.session);
    const receiver = openReceiver();
    const received = collect(receiver);
    receiver.add_credit(1);
    await vi.waitFor(() => expect(received).toHaveLength(1));
    const raw: unknown = received[0]?.message;
    const sections = decodeMessage(Buffer.isBuffer(raw) ? raw : Buffer.alloc(0)).content;
    expect(sections.applicationProperties.toString("latin1")).toContain("\xa1\x04long\x55\x05");
    expect(sections.applicationProperties.toString("latin1")).toContain("\xa1\x05ulong\x53\x05");
    expect(sections.applicationProperties.toString("latin1")).toContain("\xa1\x05short\x61\x00\x05");
    expect(sections.body.toString("hex")).toBe("005377600007");
  });

  test("neighbours settled in one turn with different outcomes each get their own", async () => {
    await send("a", "b");
    const receiver = openReceiver();
    const received = collect(receiver);
    const outcomes: string[] = [];
    receiver.on("settled", ({ delivery }: EventContext) => {
      outcomes.push("undeliverable_here" in (delivery?.remote_state ?? {}) ? "modified" : "accepted");
    });
    receiver.add_credit(2);
    await vi.waitFor(() => expect(received).toHaveLength(2));
    const [one, other] = received;
    // two frames from here, or this side would merge them; they reach the broker in one read
    one?.delivery.update(false, accepted());
    process.nextTick(() => other?.delivery.update(false, abandoned()));
    await vi.waitFor(() => expect(outcomes).toHaveLength(2));
    expect(outcomes).toEqual(["accepted", "modified"]);
    expect(broker.inspect("q")).toMatchObject({ active: 1, locked: 0 });
  });

  test("a settle after the lock was lost is answered with a rejection", async () => {
    await send("a");
    const receiver = openReceiver();
    const received = collect(receiver);
    receiver.add_credit(1);
    await vi.waitFor(() => expect(received).toHaveLength(1));
    const token = received[0]?.delivery.tag;
    const lock = reorderGuid(Buffer.isBuffer(token) ? token : Buffer.alloc(0));
    const body = { "disposition-status": "completed", "lock-tokens": rhea.types.wrap_array([lock], 0x98, undefined) };
    const operation = "com.microsoft:update-disposition";
    expect(await request("q/$management", "statusCode", { properties: { operation }, body })).toMatchObject({
      statusCode: 200,
    });
    const settled = event(receiver, "settled");
    received[0]?.delivery.update(false, accepted());
    expect((await settled).delivery?.remote_state?.["error"]).toMatchObject({
      condition: "com.microsoft:message-lock-lost",
    });
  });

  test("a drain that crosses the last message is answered", async () => {
    await send("a");
    const receiver = openReceiver();
    const received = collect(receiver);
    await event(receiver, "receiver_open");
    receiver.add_credit(1);
    const drained = event(receiver, "receiver_drained");
    process.nextTick(() => receiver.drain_credit());
    await drained;
    expect(received).toHaveLength(1);
  });

  test("a receiver gets no more than its credit, and does not hold up the others of its session", async () => {
    await send("a", "b", "c", "d");
    const [slow, fast] = [openReceiver(), openReceiver()];
    const [few, many] = [collect(slow), collect(fast)];
    slow.add_credit(1);
    fast.add_credit(5);
    await vi.waitFor(() => expect(many).toHaveLength(3));
    expect(few).toHaveLength(1);
    expect(broker.inspect("q")).toMatchObject({ active: 0, locked: 4 });
  });

  test("a closed receiver is given nothing more, and its locks stay", async () => {
    await send("a");
    const closed = openReceiver();
    const before = collect(closed);
    closed.add_credit(5);
    await vi.waitFor(() => expect(before).toHaveLength(1));
    closed.close();
    await event(closed, "receiver_close");
    await send("b");
    expect(broker.inspect("q")).toMatchObject({ active: 1, locked: 1 });
    const open = openReceiver();
    const after = collect(open);
    open.add_credit(5);
    await vi.waitFor(() => expect(after.map(({ message }) => message.body)).toEqual(["b"]));
  });

  test("every read is answered at once with an empty frame, an empty frame is not", async () => {
    const receiver = openReceiver();
    await event(receiver, "receiver_open");
    const reads: Buffer[] = [];
    connection["socket"].on("data", (bytes: Buffer) => reads.push(bytes));
    connection["_write_frame"]();
    receiver.add_credit(1);
    await vi.waitFor(() => expect(reads).toEqual([EMPTY_FRAME]));
  });
});

describe("the codec", () => {
  test("lock tokens travel in .NET's order of bytes", () => {
    const guid = Buffer.from("00112233445566778899aabbccddeeff", "hex");
    expect(reorderGuid(guid).toString("hex")).toBe("33221100554477668899aabbccddeeff");
    expect(reorderGuid(reorderGuid(guid))).toEqual(guid);
  });

  test("what a receiver gets is the sender's message with the broker's stamps, and without its body on request", () => {
    const header = { durable: true, ttl: 5000, delivery_count: 9 };
    const sent = rhea.message.encode({
      ...header,
      body: "b",
      message_id: "m",
      message_annotations: { "x-mine": 1 },
      delivery_annotations: { gone: 1 },
    });
    const message = {
      ...newMessage(decodeMessage(sent), 7, Date.parse("2026-01-01")),
      deliveryCount: 2,
      deadLetterSource: "q",
    };
    const received = rhea.message.decode(encodeMessage(message, Date.parse("2026-01-02")));
    expect(received).toMatchObject({ durable: true, ttl: 5000, delivery_count: 2, message_id: "m", body: "b" });
    expect(received["message_annotations"]).toEqual({
      "x-mine": 1,
      "x-opt-sequence-number": 7,
      "x-opt-enqueue-sequence-number": 7,
      "x-opt-enqueued-time": new Date("2026-01-01"),
      "x-opt-message-state": 0,
      "x-opt-locked-until": new Date("2026-01-02"),
      "x-opt-deadletter-source": "q",
    });
    expect(received["delivery_annotations"]).toBeUndefined();
    expect(rhea.message.decode(encodeMessage(message, undefined, { withBody: false }))["body"]).toBeUndefined();
  });
});
