import type { Delivery } from "../fakes/fake-bus.ts";
import { spoilText, TEXT_KINDS } from "./json-text.ts";
import { changeValue, type Json, VALUE_KINDS } from "./json-value.ts";
import { oddText } from "./odd-text.ts";
import type { Random } from "./random.ts";

/** A message that is not what it should be, and what was done to it. */
export interface MessageCase {
  kind: string;
  delivery: Delivery;
}

/** Spoils one of the messages that a story really sends; `number` keeps its id apart, for a bus drops a repeated one. */
export function spoilMessage(random: Random, messages: readonly Delivery[], number: number): MessageCase {
  const { kind, delivery } = spoil(random, random.pick(messages), messages);
  return { kind, delivery: { ...delivery, id: `${delivery.id}~${number}` } };
}

function spoil(random: Random, message: Delivery, messages: readonly Delivery[]): MessageCase {
  const body = message.body as Json;
  const choice = random.below(10);
  if (choice < 5) {
    const kind = random.pick(VALUE_KINDS);
    const other = () => borrowed(random, messages);
    return { kind, delivery: { ...message, body: changeValue(random, kind, body, other) } };
  }
  if (choice < 7) {
    const kind = random.pick(TEXT_KINDS);
    return { kind, delivery: { ...message, body: asTheHostReads(spoilText(random, kind, JSON.stringify(body))) } };
  }
  if (choice === 7) return { kind: "another queue", delivery: { ...message, queue: random.pick(messages).queue } };
  if (choice === 8) {
    const attempt = random.pick<Json>([-1, 0.5, 69, 70, 71, 1e9, "1", null, true, [], 2 ** 53]);
    return { kind: "another attempt", delivery: { ...message, body: { ...(body as object), attempt } } };
  }
  const id = random.pick([() => "", () => oddText(random), () => "x".repeat(20_000), () => `${message.id}/retry-1`])();
  return { kind: "another id", delivery: { ...message, id } };
}

/** Odd text, or what another message says there. */
function borrowed(random: Random, messages: readonly Delivery[]): string {
  if (random.chance(0.7)) return oddText(random);
  return String(random.pick(Object.values(random.pick(messages).body as object)));
}

/** The Functions host hands over JSON as its value, and everything else as text. */
function asTheHostReads(bytes: Uint8Array): unknown {
  const text = Buffer.from(bytes).toString("utf8");
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
