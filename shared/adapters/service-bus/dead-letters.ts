import type { ServiceBusClient, ServiceBusReceivedMessage } from "@azure/service-bus";
import type { DeadLetter, DeadLetterReference, DeadLetters } from "../../ports/dead-letters.ts";
import { clientOnce } from "./client.ts";
import { fromSetAside, type Place, POISON } from "./from-set-aside.ts";
import { peek, peekAt } from "./peek.ts";
import { receiveOne } from "./receive.ts";
import { asked, openReceiver } from "./receiver.ts";

const LIST_MS = 10_000;
const FIND_MS = 10_000;

/**
 * The dead-letter queues of `queues` and of `poison`, and `poison` itself. `queues`: those that have a function.
 * At most 4 MiB of a place are listed, and one is found among the oldest 100 of its place.
 */
export function createDeadLetters(openClient: () => Promise<ServiceBusClient>, queues: readonly string[]): DeadLetters {
  const client = clientOnce(openClient);
  const poison: Place = { kind: "poison", queue: POISON };
  const deadLetterQueues = [...queues, POISON].map((queue): Place => ({ kind: "dead-letter", queue }));
  const receiverOf = (place: Place, until: AbortSignal) =>
    asked(async () => openReceiver(await client(), place), until);
  return {
    list: async (limit, signal) => {
      const until = AbortSignal.any([signal, AbortSignal.timeout(LIST_MS)]);
      const listOne = async (place: Place) => {
        const messages = await peek(await receiverOf(place, until), limit, until);
        return messages.map((message) => fromSetAside(message, place, queues));
      };
      return inTurns(await Promise.all([...deadLetterQueues, poison].map(listOne)), limit);
    },
    take: async (reference, handle, signal) => {
      const place =
        reference.place === "poison" ? poison : deadLetterQueues.find(({ queue }) => queue === reference.queue);
      if (place === undefined) return false;
      const until = AbortSignal.any([signal, AbortSignal.timeout(FIND_MS)]);
      const receiver = await receiverOf(place, until);
      const toLetter = (message: ServiceBusReceivedMessage) => fromSetAside(message, place, queues);
      const isIt = (message: ServiceBusReceivedMessage) => isNamed(toLetter(message), reference);
      // Looked for first: where there is nothing to find, the others are spared a delivery.
      const there = await peekAt(receiver, reference.sequenceNumber, until);
      if (there === undefined || !isIt(there)) return false;
      return receiveOne(receiver, isIt, (message) => handle(toLetter(message)), until);
    },
  };
}

/** The oldest of every place, then the second of every place, and so on: a full place hides no other. */
function inTurns(found: readonly (readonly DeadLetter[])[], limit: number): readonly DeadLetter[] {
  const rows = Array.from({ length: limit }, (_, row) => found.flatMap((letters) => letters.slice(row, row + 1)));
  return rows.flat().slice(0, limit);
}

function isNamed(letter: DeadLetter, { place, queue, sequenceNumber }: DeadLetterReference): boolean {
  return letter.place === place && letter.queue === queue && letter.sequenceNumber === sequenceNumber;
}
