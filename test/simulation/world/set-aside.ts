import type { ServiceBusReceivedMessage } from "@azure/service-bus";
import { fromSetAside } from "../../../shared/adapters/service-bus/from-set-aside.ts";
import { QUEUES } from "../../../shared/composition.ts";
import type { DeadLetter, DeadLetters } from "../../../shared/ports/dead-letters.ts";
import type { SetAside, SimulatedBus } from "./bus.ts";

/** What lies set aside on the simulated bus, read as the adapter reads it. */
export function createSimulatedDeadLetters(bus: SimulatedBus): DeadLetters {
  const atHand = new Set<SetAside>();
  return {
    list: async (limit) => bus.setAside().slice(0, limit).map(read),
    take: async (reference, handle) => {
      const letter = bus.setAside().find((one) => one.sequenceNumber === reference.sequenceNumber);
      if (letter === undefined || letter.place !== reference.place || atHand.has(letter)) return false;
      atHand.add(letter);
      try {
        await handle(read(letter));
        return bus.takeOff(letter);
      } finally {
        atHand.delete(letter);
      }
    },
  };
}

function read({ place, queue, sequenceNumber, id, body, reason, enqueuedAt, deliveryCount }: SetAside): DeadLetter {
  const message = {
    messageId: id,
    body: Buffer.from(body),
    deadLetterReason: reason === "" ? undefined : reason,
    enqueuedTimeUtc: new Date(enqueuedAt),
    deliveryCount,
    sequenceNumber: { toString: () => sequenceNumber },
  };
  return fromSetAside(message as unknown as ServiceBusReceivedMessage, { kind: place, queue }, QUEUES);
}
