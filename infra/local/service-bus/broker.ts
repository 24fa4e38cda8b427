import { once } from "node:events";
import type { Server, Socket } from "node:net";
import rhea, { type Container, type EventContext } from "rhea";
import { acknowledgeReads, keepRawMessages } from "./amqp.ts";
import { SHARED_ACCESS_KEY_NAME } from "./cbs.ts";
import { type Clock, systemClock } from "./clock.ts";
import { MAX_MESSAGE_BYTES, type Sections } from "./codec.ts";
import { createConsumers } from "./consumers.ts";
import type { Entity } from "./entities.ts";
import { answerLinks } from "./links.ts";
import type { Counts } from "./message.ts";
import { noOperations, type Operations } from "./operations.ts";
import { parseQueueProperties, type QueueProperties } from "./properties.ts";
import { Queue } from "./queue.ts";

const HOST = "127.0.0.1";
const ERRORS = ["connection_error", "session_error", "sender_error", "receiver_error", "protocol_error", "error"];

export interface ServiceBusBrokerOptions {
  /** By name, as in `infra/queues.json`. */
  readonly queues: Readonly<Record<string, QueueProperties>>;
  readonly sharedAccessKey: string;
  readonly clock?: Clock;
  /** Told of what goes wrong on connections and links. */
  readonly log?: (line: string) => void;
}

/** A Service Bus namespace on loopback with its queues in memory. */
export interface ServiceBusBroker {
  /** Listens on a free port, or on the one that is named. */
  listen(port?: number): Promise<void>;
  /** For the unmodified SDK; throws while the broker does not listen. */
  readonly connectionString: string;
  /** Cuts every connection as a broken network would, and goes on listening. */
  cutConnections(): void;
  /** Cuts every connection and stops; what the queues held is gone. */
  close(): Promise<void>;
  /** What a queue holds, and how many messages its dead-letter queue does; throws for an unknown name. */
  inspect(queue: string): Counts & { readonly deadLetter: number };
  operations(): Readonly<Operations>;
}

/** Makes a broker; throws when a queue's properties are unknown or wrong. */
export function createServiceBusBroker(options: ServiceBusBrokerOptions): ServiceBusBroker {
  const { sharedAccessKey, clock = systemClock, log = () => undefined } = options;
  const operations = noOperations();
  const consumers = createConsumers();
  const entities = createEntities(options.queues, clock, operations);
  const queues = [...entities.values()].flatMap(({ queue, deadLetterQueue }) => [queue, deadLetterQueue]);
  for (const queue of queues) {
    queue.onAvailable = () => consumers.deliverSoon(queue);
    queue.onSessionLost = (owner) => consumers.loseSession(owner);
  }
  const container = createContainer(log);
  answerLinks(container, { entities, consumers, sharedAccessKey, clock, log });
  for (const ending of ["connection_close", "disconnected"]) {
    container.on(ending, ({ connection }: EventContext) => consumers.forget(connection));
  }
  const sockets = new Set<Socket>();
  let server: Server | undefined;

  // with an error, because that is what makes rhea stop its timers
  function cutConnections(): void {
    for (const socket of sockets) socket.destroy(new Error("The broker cut the connection."));
  }

  return {
    async listen(port = 0) {
      const listening = listenOn(container, port, sockets);
      await once(listening, "listening");
      server = listening;
    },
    get connectionString() {
      const address = server?.address();
      if (typeof address !== "object" || address === null) throw new Error("The broker does not listen.");
      const key = `SharedAccessKeyName=${SHARED_ACCESS_KEY_NAME};SharedAccessKey=${sharedAccessKey}`;
      return `Endpoint=sb://${HOST}:${address.port};${key};UseDevelopmentEmulator=true`;
    },
    cutConnections,
    async close() {
      for (const queue of queues) queue.close();
      const closed = server && once(server, "close");
      server?.close();
      cutConnections();
      await closed;
      server = undefined;
    },
    inspect(name) {
      const entity = entities.get(name.toLowerCase());
      if (entity === undefined) throw new Error(`There is no queue '${name}'.`);
      const { active, scheduled, locked, deferred } = entity.deadLetterQueue.counts();
      return { ...entity.queue.counts(), deadLetter: active + scheduled + locked + deferred };
    },
    operations: () => ({ ...operations }),
  };
}

function createEntities(
  queues: ServiceBusBrokerOptions["queues"],
  clock: Clock,
  operations: Operations,
): Map<string, Entity> {
  const entities = Object.entries(queues).map(([name, properties]): [string, Entity] => {
    const settings = parseQueueProperties(name, properties);
    const deadLetterQueue = new Queue<Sections>({
      name: `${name}/$DeadLetterQueue`,
      settings: { ...settings, requiresSession: false, requiresDuplicateDetection: false },
      clock,
      operations,
    });
    return [
      name.toLowerCase(),
      { queue: new Queue({ name, settings, clock, operations, deadLetterQueue }), deadLetterQueue },
    ];
  });
  return new Map(entities);
}

/** A container that says what goes wrong on its connections. */
function createContainer(log: (line: string) => void): Container {
  const container = rhea.create_container({ id: "local-service-bus" });
  container.sasl_server_mechanisms.enable_anonymous();
  container.on("connection_open", ({ connection }: EventContext) => acknowledgeReads(connection));
  container.on("session_open", ({ session }: EventContext) => session && keepRawMessages(session));
  for (const name of ERRORS) {
    container.on(name, (event: unknown) => log(`${name}: ${event instanceof Error ? event.message : ""}`));
  }
  return container;
}

function listenOn(container: Container, port: number, sockets: Set<Socket>): Server {
  const server = container.listen({
    host: HOST,
    port,
    max_frame_size: 65_536,
    idle_time_out: 240_000,
    receiver_options: { autoaccept: false, credit_window: 1000, max_message_size: MAX_MESSAGE_BYTES },
    tcp_no_delay: true,
    // otherwise every abandoned delivery is reported twice, the second time as released
    sender_options: { treat_modified_as_released: false },
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  return server;
}
