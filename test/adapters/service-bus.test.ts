import type { AddressInfo } from "node:net";
import { createServer, type Server, type Socket } from "node:net";
import { ServiceBusClient } from "@azure/service-bus";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createServiceBus } from "../../shared/adapters/service-bus/message-bus.ts";
import { checkError } from "../support/hostile-answers.ts";
import { SECRET } from "../support/hostile-server.ts";

let server: Server;
let behave: (socket: Socket) => void = () => undefined;
const sockets = new Set<Socket>();

beforeAll(async () => {
  server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket)).on("error", () => socket.destroy());
    behave(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});

const AMQP = Buffer.from([0x41, 0x4d, 0x51, 0x50, 0, 1, 0, 0]);
const BEHAVIOURS: readonly (readonly [string, (socket: Socket) => void])[] = [
  ["silent", () => undefined],
  ["closing at once", (socket) => socket.destroy()],
  ["no AMQP", (socket) => socket.write(`HTTP/1.1 200 OK\r\n\r\n<html>${SECRET}</html>`)],
  ["silent after its greeting", (socket) => socket.write(AMQP)],
  ["sending a frame of 4 GiB", (socket) => socket.write(Buffer.concat([AMQP, Buffer.alloc(16, 0xff)]))],
];

describe("sending to a bus", () => {
  it.each(BEHAVIOURS)("that is %s ends in time and may be repeated", async (_name, chosen) => {
    behave = chosen;
    const { port } = server.address() as AddressInfo;
    const connection = `Endpoint=sb://127.0.0.1:${port};SharedAccessKeyName=all;SharedAccessKey=${SECRET};UseDevelopmentEmulator=true;`;
    const client = new ServiceBusClient(connection, { retryOptions: { maxRetries: 0, timeoutInMs: 1_000 } });
    const bus = createServiceBus(async () => client);
    const started = performance.now();
    const error = await bus.send([{ queue: "validate", id: "1", body: { SECRET } }], AbortSignal.timeout(400)).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(performance.now() - started).toBeLessThan(2_500);
    checkError(error, { is: "transient", code: "unreachable" });
    for (const socket of sockets) socket.destroy();
    // What the SDK still tries ends with its client.
    await Promise.race([client.close().catch(() => undefined), new Promise((resolve) => setTimeout(resolve, 500))]);
  });
});
