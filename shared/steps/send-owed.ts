import type { Deployment } from "../domain/deployment.ts";
import { owed } from "../domain/owed.ts";
import type { DeploymentStore } from "../ports/deployment-store.ts";
import type { MessageBus } from "../ports/message-bus.ts";

/**
 * Sends what a record and the records of the same transaction are owed. Repeatable: ids are the records' own.
 * Without `together` the linked records are read, as after a crash between saving and sending.
 */
export async function sendOwed(
  { store, bus }: { store: DeploymentStore; bus: MessageBus },
  deployment: Deployment,
  together?: readonly Deployment[],
): Promise<void> {
  const others = together ?? (await readLinked(store, deployment));
  const messages = [deployment, ...others].flatMap(owed);
  if (messages.length > 0) await bus.send(messages);
}

async function readLinked(store: DeploymentStore, { target, linked }: Deployment): Promise<readonly Deployment[]> {
  const read = await Promise.all((linked ?? []).map((generation) => store.readDeployment(target, generation)));
  return read.flatMap((one) => (one === undefined ? [] : [one.value]));
}
