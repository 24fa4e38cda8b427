import type { Sections } from "./codec.ts";
import type { Queue } from "./queue.ts";
import { notFound, notImplemented } from "./refusal.ts";

const MANAGEMENT = "/$management";
const DEAD_LETTER = "/$deadletterqueue";

/** A queue and its dead-letter queue. */
export interface Entity {
  readonly queue: Queue<Sections>;
  readonly deadLetterQueue: Queue<Sections>;
}

/** What a link can lead to. */
export type Node =
  | { readonly kind: "cbs" }
  | { readonly kind: "management"; readonly queue: Queue<Sections> }
  | { readonly kind: "queue"; readonly queue: Queue<Sections> };

/** The node of an address, in any case; throws a refusal for what does not exist or is not implemented. */
export function findNode(entities: ReadonlyMap<string, Entity>, address: string): Node {
  const lower = address.toLowerCase();
  if (lower === "$cbs") return { kind: "cbs" };
  if (lower.endsWith(MANAGEMENT)) {
    return { kind: "management", queue: findQueue(entities, lower.slice(0, -MANAGEMENT.length)) };
  }
  return { kind: "queue", queue: findQueue(entities, lower) };
}

function findQueue(entities: ReadonlyMap<string, Entity>, address: string): Queue<Sections> {
  if (address === "") throw notImplemented("A link without an address, as for transactions,");
  if (address.includes("/subscriptions/")) throw notImplemented("A topic");
  if (address.includes("/$transfer")) throw notImplemented("A transfer queue");
  const entity = entities.get(address.replace(DEAD_LETTER, ""));
  if (entity === undefined) throw notFound(address);
  return address.endsWith(DEAD_LETTER) ? entity.deadLetterQueue : entity.queue;
}
