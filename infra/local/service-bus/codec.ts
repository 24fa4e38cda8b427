import type { Typed } from "rhea";
import { types } from "./amqp.ts";
import type { IncomingMessage, QueuedMessage } from "./message.ts";
import { malformed } from "./refusal.ts";

/** The largest message of the Standard tier, in bytes. */
export const MAX_MESSAGE_BYTES = 262_144;

/** The message format of a Service Bus batch: every data section is a whole encoded message. */
export const BATCH_FORMAT = 0x80013700;

const SECTION = {
  header: 0x70,
  deliveryAnnotations: 0x71,
  messageAnnotations: 0x72,
  properties: 0x73,
  applicationProperties: 0x74,
  data: 0x75,
  footer: 0x78,
} as const;

const STATES = { active: 0, deferred: 1, scheduled: 2 } as const;

/** A message cut into its sections; what the broker does not change stays the bytes that came. */
export interface Sections {
  readonly header: readonly Typed[];
  /** Keys and values in turn. */
  readonly annotations: readonly Typed[];
  readonly properties: Buffer;
  readonly applicationProperties: Buffer;
  /** Body and footer. */
  readonly body: Buffer;
}

interface Section {
  readonly code: number;
  readonly value: unknown;
  readonly bytes: Buffer;
}

/** Cuts up an encoded message; throws a refusal if it is not one. */
export function decodeMessage(encoded: Buffer): IncomingMessage<Sections> {
  const sections = readSections(encoded);
  const listOf = (code: number): readonly Typed[] =>
    typedList(sections.find((section) => section.code === code)?.value);
  const bytesOf = (first: number, last = first): Buffer =>
    Buffer.concat(sections.filter(({ code }) => code >= first && code <= last).map(({ bytes }) => bytes));
  const header = listOf(SECTION.header);
  const annotations = listOf(SECTION.messageAnnotations);
  const properties = listOf(SECTION.properties);
  const scheduledFor: unknown = new Map(mapEntries(annotations)).get("x-opt-scheduled-enqueue-time")?.value;
  return {
    messageId: textOf(properties[0]),
    sessionId: textOf(properties[10]),
    timeToLiveMilliseconds: typeof header[2]?.value === "number" ? header[2].value : undefined,
    scheduledFor: scheduledFor instanceof Date ? scheduledFor.getTime() : undefined,
    bytes: encoded.length,
    content: {
      header,
      annotations,
      properties: bytesOf(SECTION.properties),
      applicationProperties: bytesOf(SECTION.applicationProperties),
      body: bytesOf(SECTION.data, SECTION.footer),
    },
  };
}

/** The messages of a batch, encoded. */
export function splitBatch(encoded: Buffer): Buffer[] {
  const data = readSections(encoded).filter(({ code }) => code === SECTION.data);
  return data.flatMap(({ value }) => (Buffer.isBuffer(value) ? [value] : []));
}

/** Puts a message together for a receiver: its delivery count, the broker's annotations and the added properties included. */
export function encodeMessage(
  message: QueuedMessage<Sections>,
  lockedUntil: number | undefined,
  { withBody = true } = {},
): Buffer {
  const { content } = message.incoming;
  const header = Array.from({ length: 5 }, (_, index) => content.header[index] ?? types.Null());
  header[4] = types.wrap_uint(message.deliveryCount);
  const annotations = new Map(mapEntries(content.annotations));
  for (const [name, value] of brokerAnnotations(message, lockedUntil)) annotations.set(name, value);
  return Buffer.concat([
    writeSection(SECTION.header, types.List32(header)),
    writeSection(SECTION.messageAnnotations, toMap(annotations, types.wrap_symbol)),
    content.properties,
    applicationProperties(message),
    withBody ? content.body : Buffer.alloc(0),
  ]);
}

/** The entries of an AMQP map whose keys are text, their values still typed. */
export function mapEntries(keysAndValues: unknown): [string, Typed][] {
  const list = typedList(keysAndValues);
  return list.flatMap((key, index) => {
    const value = list[index + 1];
    return index % 2 === 0 && value ? [[String(key.value), value]] : [];
  });
}

/** Lock tokens travel as .NET writes a GUID: its first three groups back to front. Reordering twice changes nothing. */
export function reorderGuid(guid: Buffer): Buffer {
  const [a, b, c] = [guid.subarray(0, 4), guid.subarray(4, 6), guid.subarray(6, 8)].map((group) =>
    Buffer.from(group).reverse(),
  );
  return Buffer.concat([a, b, c, guid.subarray(8)].filter((part) => part !== undefined));
}

function* brokerAnnotations(
  message: QueuedMessage<Sections>,
  lockedUntil: number | undefined,
): Generator<[string, Typed]> {
  yield ["x-opt-sequence-number", types.wrap_long(message.sequenceNumber)];
  yield ["x-opt-enqueue-sequence-number", types.wrap_long(message.enqueuedSequenceNumber)];
  yield ["x-opt-enqueued-time", types.wrap_timestamp(message.enqueuedAt)];
  yield ["x-opt-message-state", types.wrap_int(STATES[message.state])];
  if (lockedUntil !== undefined) yield ["x-opt-locked-until", types.wrap_timestamp(lockedUntil)];
  if (message.deadLetterSource !== undefined) {
    yield ["x-opt-deadletter-source", types.wrap_string(message.deadLetterSource)];
  }
}

function applicationProperties({ incoming: { content }, addedProperties }: QueuedMessage<Sections>): Buffer {
  if (addedProperties.size === 0) return content.applicationProperties;
  const [section] = readSections(content.applicationProperties);
  const properties = new Map<string, Typed>(mapEntries(section?.value));
  for (const [name, value] of addedProperties) properties.set(name, types.wrap(value));
  return writeSection(SECTION.applicationProperties, toMap(properties, types.wrap_string));
}

function toMap(entries: ReadonlyMap<string, Typed>, wrapKey: (key: string) => Typed): Typed {
  return types.Map32([...entries].flatMap(([key, value]) => [wrapKey(key), value]));
}

function readSections(encoded: Buffer): Section[] {
  const reader = new types.Reader(encoded);
  const sections: Section[] = [];
  try {
    while (reader.remaining() > 0) {
      const start = reader.position;
      const { descriptor, value } = reader.read();
      sections.push({ code: Number(descriptor?.value), value, bytes: encoded.subarray(start, reader.position) });
    }
  } catch (error) {
    throw malformed(`The message cannot be decoded: ${String(error)}`);
  }
  if (sections.some(({ code }) => !(code >= SECTION.header && code <= SECTION.footer))) {
    throw malformed("The message has a section that AMQP does not know.");
  }
  return sections;
}

function writeSection(code: number, value: Typed): Buffer {
  const writer = new types.Writer();
  writer.write(types.described_nc(types.wrap_ulong(code), value));
  return writer.toBuffer();
}

function textOf(typed: Typed | undefined): string | undefined {
  const value: unknown = typed?.value ?? undefined;
  return value === undefined ? undefined : Buffer.isBuffer(value) ? value.toString("hex") : String(value);
}

/** The elements of a list or a map, as rhea's reader leaves them. */
function typedList(value: unknown): readonly Typed[] {
  return Array.isArray(value) ? value : [];
}
