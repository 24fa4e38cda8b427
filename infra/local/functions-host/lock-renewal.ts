import type { ServiceBusReceivedMessage, ServiceBusReceiver } from "@azure/service-bus";

/**
 * Renews a message's lock at half its life until it is stopped, or for so many milliseconds; a failure ends it.
 * The SDK's own renewal knows messages by their id only and cannot settle one that has none.
 */
export function keepLocked(
  receiver: Pick<ServiceBusReceiver, "renewMessageLock">,
  message: ServiceBusReceivedMessage,
  maxMilliseconds: number,
  onError: (error: unknown) => void,
): () => void {
  const until = Date.now() + maxMilliseconds;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  function renewLater(lockedUntil: Date | undefined): void {
    const wait = Math.max(((lockedUntil?.getTime() ?? 0) - Date.now()) / 2, 100);
    if (!stopped && Date.now() + wait < until) timer = setTimeout(renew, wait);
  }

  async function renew(): Promise<void> {
    try {
      renewLater(await receiver.renewMessageLock(message));
    } catch (error) {
      if (!stopped) onError(error);
    }
  }

  renewLater(message.lockedUntilUtc);
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}
