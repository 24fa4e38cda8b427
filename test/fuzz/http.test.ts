import { type HttpRequest, type HttpResponseInit, InvocationContext } from "@azure/functions";
import type { TokenCredential } from "@azure/identity";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createDeadLetterDiscard, createDeadLetterList, createDeadLetterReplay } from "../../functions/dead-letters.ts";
import { createDeployments } from "../../functions/deployments.ts";
import { createMlflowWebhook } from "../../functions/mlflow-webhook.ts";
import { createTargets } from "../../functions/targets.ts";
import { systemClock } from "../../shared/adapters/clock/system-clock.ts";
import { assembleApp, readConfiguration } from "../../shared/composition.ts";
import { openPipeline } from "../../shared/open-ports.ts";
import type { Log } from "../../shared/ports/telemetry.ts";
import { promotionMessage } from "../../shared/steps/messages.ts";
import { running } from "../domain/build.ts";
import { createFakeBus } from "../fakes/fake-bus.ts";
import { createFakeDeadLetters } from "../fakes/fake-dead-letters.ts";
import { createFakeStore } from "../fakes/fake-store.ts";
import { caseOf, cases, eachCase, failureOf, pace, tell } from "./fuzz.ts";
import { HTTP_CASES } from "./http-cases.ts";
import { createHttpRecord, type HttpRecord } from "./http-record.ts";
import { type FuzzRequest, type Route, toRouted, toWire } from "./http-request.ts";
import { type HttpStack, SCENE, SCENE_SETTINGS, startHttpStack } from "./http-stack.ts";
import type { Memory } from "./measured-host.ts";
import type { Random } from "./random.ts";
import { sendAll, type WireRequest } from "./socket-client.ts";

/** Over sockets a request costs a millisecond of both cores, so most go to the functions directly. */
const OVER_SOCKETS = cases(50_000, 1_200);
const IN_PROCESS = cases(150_000, 3_000);
const CONNECTIONS = 64;
const MEBIBYTE = 1024 * 1024;
/**
 * What the second half of the requests may leave in memory. A request that somebody keeps is more than 1 KiB with its
 * headers and body, so the smallest leak would be twice this; the rest is the noise of caches and connections.
 */
const MAX_HEAP_GROWTH = cases(12, 24) * MEBIBYTE;
/** Memory that is freed but not given back to the system counts as resident: about 20 buffers of 1 MiB. */
const MAX_RESIDENT_GROWTH = cases(64, 160) * MEBIBYTE;

const MAKERS = Object.values(HTTP_CASES).flatMap(([weight, make]) => Array.from({ length: weight }, () => make));

function makeRequest(random: Random, index: number): FuzzRequest {
  return random.pick(MAKERS)(random, SCENE, index);
}

/** No function over HTTP needs an identity. */
const NOBODY: TokenCredential = { getToken: async () => expect.fail("nobody needs a token") };

type Handler = (request: HttpRequest, context: InvocationContext) => Promise<HttpResponseInit>;

const megabytes = (bytes: number): string => `${Math.round(bytes / MEBIBYTE)}`;

describe("the built app in its host", () => {
  let stack: HttpStack;
  beforeAll(async () => {
    stack = await startHttpStack();
  }, 60_000);
  afterAll(() => stack.close());

  /** What failed, with what the host said of it: its log is whole once it has ended. */
  async function withLog(error: Error): Promise<never> {
    await stack.host.stop();
    throw new Error(`${error.message} ${stack.host.log.alarming.join(" ")}`, { cause: error });
  }

  /** Sends the cases up to `end`, and says what the host then holds in memory. */
  async function send(from: number, end: number, record: HttpRecord): Promise<Memory> {
    const address = new URL(stack.host.url);
    const made = new Map<WireRequest, { request: FuzzRequest; index: number }>();
    let index = from;
    const next = () => {
      if (index >= end) return undefined;
      const request = makeRequest(caseOf(index), index);
      const wire = toWire(request, address);
      made.set(wire, { request, index });
      index += 1;
      return wire;
    };
    await sendAll(address, CONNECTIONS, next, (wire, answer) => {
      const { request, index: which } = made.get(wire) ?? expect.fail("an answer to nothing");
      made.delete(wire);
      try {
        record.take(request, answer);
      } catch (error) {
        throw failureOf(which, error);
      }
    }).catch(withLog);
    return stack.host.memory();
  }

  it("answers whatever comes, promotes what is signed and followed, and keeps nothing of it", async () => {
    const record = createHttpRecord();
    const began = performance.now();
    await send(0, OVER_SOCKETS / 2, record);
    const before = await send(OVER_SOCKETS / 2, OVER_SOCKETS * 0.6, record);
    const after = await send(OVER_SOCKETS * 0.6, OVER_SOCKETS, record);
    const took = pace(OVER_SOCKETS, began);
    const held = await stack.held();
    const { alarming } = stack.host.log;
    tell(
      `http: requests over ${CONNECTIONS} sockets ${took}; ${record.describe(held)}; ` +
        `${alarming.length} crashes, errors and secrets in the log of the host, which ${stack.host.ended() === undefined ? "lives" : "has ended"}; ` +
        `after a collection, MiB: heap ${megabytes(before.heapUsed)} then ${megabytes(after.heapUsed)}, resident ${megabytes(before.rss)} then ${megabytes(after.rss)}`,
    );
    record.checkBus(held);
    expect(record.kinds.names()).toEqual(Object.keys(HTTP_CASES).sort());
    expect(alarming).toEqual([]);
    expect(stack.host.ended()).toBeUndefined();
    expect(after.heapUsed - before.heapUsed).toBeLessThan(MAX_HEAP_GROWTH);
    expect(after.rss - before.rss).toBeLessThan(MAX_RESIDENT_GROWTH);
    expect(await stack.host.stop()).toBe(0);
  });
});

describe("the functions themselves", () => {
  it("answer whatever comes and promote what is signed and followed", async () => {
    const bus = createFakeBus(Date.now);
    const store = createFakeStore(Date.now);
    await store.save({ target: SCENE.target, deployments: [{ value: running() }], visits: [] });
    const secrets = [SCENE.secret, SCENE.previousSecret, SCENE.functionKey];
    const leaked: string[] = [];
    const log: Log = (_level, _event, fields) => {
      const line = JSON.stringify(fields);
      if (secrets.some((secret) => line.includes(secret))) leaked.push(line);
    };
    const configuration = readConfiguration(import.meta.dirname, SCENE_SETTINGS);
    const app = assembleApp(configuration, {
      bus: async () => bus,
      store: async () => store,
      pipeline: () => openPipeline(configuration, NOBODY, store, bus),
      deadLetters: async () => createFakeDeadLetters(Date.now),
      clock: systemClock,
      log,
    });
    const handlers: Readonly<Record<Route, Handler>> = {
      webhook: createMlflowWebhook(app),
      deployments: createDeployments(app),
      targets: createTargets(app),
      deadLetters: createDeadLetterList(app),
      replay: createDeadLetterReplay(app),
      discard: createDeadLetterDiscard(app),
    };
    const context = new InvocationContext({ functionName: "fuzzed", invocationId: "1", logHandler: () => undefined });
    const record = createHttpRecord();
    const began = performance.now();
    await eachCase(IN_PROCESS, async (random, index) => {
      const request = makeRequest(random, index);
      const routed = toRouted(request);
      if (routed === undefined) return false;
      const answer = await handlers[routed.route](routed.request, context);
      record.take(request, { status: answer.status ?? 200, body: JSON.stringify(answer.jsonBody) ?? "" });
      return true;
    });
    const took = pace(IN_PROCESS, began);
    const held = uniqueIds(bus.sent().map(({ body }) => promotionMessage.parse(body)));
    tell(`http: requests to the functions directly ${took}; ${record.describe(held)}`);
    record.checkBus(held);
    expect(leaked).toEqual([]);
  });
});

/** As a bus with duplicate detection would hold them. */
function uniqueIds(sent: readonly { id: string; version?: string }[]) {
  return [...new Map(sent.map(({ id, version = "" }) => [id, { id, version }])).values()];
}
