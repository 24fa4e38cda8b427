import { connect } from "node:net";
import { parentPort, workerData } from "node:worker_threads";
import { signDelivery } from "../demo/sign-delivery.ts";
import { firstAnswer } from "./http-answer.ts";
import type { LoadOrder, LoadResult } from "./load.ts";

/** A thread of its own, so that sending is not slowed down by the stand-ins. Plain sockets cost less than the server measured. */
const order: LoadOrder = workerData;
const { hostname, port, pathname, host } = new URL(order.url);

/** Signed beforehand: that is MLflow's work, not the app's. */
const requests = Array.from({ length: order.requests }, () => {
  const { headers, body } = signDelivery(order.secret, order.data, order.signedAt);
  const lines = Object.entries({ host, ...headers, "content-length": Buffer.byteLength(body) });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return Buffer.from(`POST ${pathname} HTTP/1.1\r\n${head}\r\n${body}`);
});

const latenciesMs: number[] = [];
const statuses: Record<string, number> = {};

/** Sends one request after the other on one connection until there are none left. */
function runConnection(): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    let received: Buffer = Buffer.alloc(0);
    let sentAt = 0;
    const sendNext = () => {
      const next = requests.pop();
      if (next === undefined) socket.end();
      else {
        sentAt = performance.now();
        socket.write(next);
      }
    };
    const take = (chunk: Buffer) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      const answer = firstAnswer(received);
      if (answer === undefined) return;
      latenciesMs.push(performance.now() - sentAt);
      statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
      received = received.subarray(answer.length);
      sendNext();
    };
    socket.setNoDelay(true);
    socket.on("connect", sendNext);
    socket.on("data", (chunk) => {
      try {
        take(chunk);
      } catch (error) {
        socket.destroy(error instanceof Error ? error : new Error(String(error)));
      }
    });
    socket.on("error", reject);
    socket.on("close", resolve);
  });
}

const startedAt = performance.now();
await Promise.all(Array.from({ length: order.connections }, runConnection));
const result: LoadResult = { seconds: (performance.now() - startedAt) / 1000, latenciesMs, statuses };
parentPort?.postMessage(result);
