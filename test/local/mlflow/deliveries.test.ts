import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import { createMlflowClient, type MlflowClient } from "../../../infra/local/mlflow/client.ts";
import type { MlflowServer } from "../../../infra/local/mlflow/server.ts";
import { API, at, call, createVirtualClock, text, withServer } from "./harness.ts";
import { header, type Received, type Receiver, startReceiver } from "./receiver.ts";

const EVERY_EVENT = [
  "registered_model.created",
  "model_version.created",
  "model_version_tag.set",
  "model_version_tag.deleted",
  "model_version_alias.created",
  "model_version_alias.deleted",
];
const SECRET = "sécrèt-🔑";

interface Scene {
  url: string;
  server: MlflowServer;
  client: MlflowClient;
  receiver: Receiver;
}

/** A server with one webhook for every event, and a model with one version. */
async function withWebhook(use: (scene: Scene) => Promise<void>, events = EVERY_EVENT): Promise<void> {
  const receiver = await startReceiver();
  await withServer(async (url, server) => {
    const client = createMlflowClient({ url });
    await client.createRegisteredModel("churn");
    const run = await client.createRun();
    await client.createModelVersion("churn", run, "model");
    await client.createWebhook({ name: "hook", url: `${receiver.url}/hook?code=a%20b`, events, secret: SECRET });
    await use({ url, server, client, receiver });
  });
}

const content = (request: Received): unknown => JSON.parse(request.body);
const eventOf = (request: Received): string =>
  `${text(at(content(request), "entity"))}.${text(at(content(request), "action"))}`;
const aliasOf = (request: Received): unknown => at(content(request), "data", "alias");

describe("what is delivered", () => {
  test("one signed POST for every change, with MLflow's headers in MLflow's order", () =>
    withWebhook(async ({ client, receiver }) => {
      await client.setAlias("churn", "champion", "1");
      const [request] = await receiver.until(1);
      expect(request).toMatchObject({ method: "POST", target: "/hook?code=a%20b" });
      expect(request?.headers.map(([name]) => name)).toEqual([
        "Host",
        "User-Agent",
        "Accept-Encoding",
        "Accept",
        "Connection",
        "Content-Type",
        "X-MLflow-Delivery-Id",
        "X-MLflow-Timestamp",
        "X-MLflow-Signature",
        "Content-Length",
      ]);
      const signed = `${header(request, "X-MLflow-Delivery-Id")}.${header(request, "X-MLflow-Timestamp")}.${request?.body}`;
      const expected = createHmac("sha256", SECRET).update(signed).digest("base64");
      expect(header(request, "X-MLflow-Signature")).toBe(`v1,${expected}`);
    }));

  test("each event with its data", () =>
    withWebhook(async ({ url, client, server, receiver }) => {
      await client.createRegisteredModel("fraud", { team: "growth" });
      await call(url, "POST", `${API}/model-versions/create`, { name: "fraud", source: "models:/churn/1" });
      await client.setVersionTag("churn", "1", "deploy", "prod");
      await call(url, "DELETE", `${API}/model-versions/delete-tag`, { name: "churn", version: "1", key: "absent" });
      await client.setAlias("churn", "champion", "1");
      await client.deleteAlias("churn", "absent");
      await server.settled();
      const data = new Map(receiver.received.map((request) => [eventOf(request), at(content(request), "data")]));
      expect([...data.keys()].toSorted()).toEqual(EVERY_EVENT.toSorted());
      expect(data.get("registered_model.created")).toEqual({
        name: "fraud",
        tags: { team: "growth" },
        description: "",
      });
      expect(data.get("model_version.created")).toMatchObject({
        name: "fraud",
        version: "1",
        source: "models:/churn/1",
        run_id: expect.stringMatching(/^[0-9a-f]{32}$/),
        description: null,
      });
      expect(data.get("model_version_tag.set")).toEqual({ name: "churn", version: "1", key: "deploy", value: "prod" });
      expect(data.get("model_version_tag.deleted")).toEqual({ name: "churn", version: "1", key: "absent" });
      expect(data.get("model_version_alias.created")).toEqual({ name: "churn", alias: "champion", version: "1" });
      expect(data.get("model_version_alias.deleted")).toEqual({ name: "churn", alias: "absent" });
    }));

  test("nothing for a stage, a deletion, a model's tag, or a refused call", () =>
    withWebhook(async ({ url, server, receiver }) => {
      const version = { name: "churn", version: "1" };
      await call(url, "POST", `${API}/model-versions/transition-stage`, { ...version, stage: "Production" });
      await call(url, "POST", `${API}/registered-models/set-tag`, { name: "churn", key: "a", value: "b" });
      await call(url, "POST", `${API}/registered-models/alias`, { name: "churn", alias: "a", version: "99" });
      await call(url, "DELETE", `${API}/model-versions/delete`, version);
      await call(url, "DELETE", `${API}/registered-models/delete`, { name: "churn" });
      await server.settled();
      expect(server.deliveries()).toEqual([]);
      expect(receiver.received).toEqual([]);
    }));

  test("only subscribed events, not to a disabled webhook, and without a secret unsigned", () =>
    withWebhook(
      async ({ url, client, server, receiver }) => {
        const events = ["model_version_alias.deleted"];
        await client.createWebhook({ name: "open", url: `${receiver.url}/open`, events });
        const off = await client.createWebhook({ name: "off", url: `${receiver.url}/off`, events });
        await call(url, "PATCH", `${API}/webhooks/${off}`, { status: "DISABLED" });
        await client.setVersionTag("churn", "1", "a", "b");
        await client.deleteAlias("churn", "champion");
        await server.settled();
        expect(receiver.received.map(({ target }) => target)).toEqual(["/open"]);
        expect(header(receiver.received[0], "X-MLflow-Signature")).toBeUndefined();
        expect(header(receiver.received[0], "X-MLflow-Delivery-Id")).toMatch(/^[0-9a-f-]{36}$/);
      },
      ["model_version_alias.created"],
    ));

  test("the workspace stands last in the envelope of a server that has one", async () => {
    const receiver = await startReceiver();
    await withServer(
      async (url, server) => {
        const client = createMlflowClient({ url });
        await client.createWebhook({ name: "hook", url: receiver.url, events: EVERY_EVENT });
        await client.createRegisteredModel("churn");
        await server.settled();
        expect(receiver.received[0]?.body).toMatch(/, "workspace": "team-a"\}$/);
      },
      { workspace: "team-a" },
    );
  });

  test("what was sent is kept with its attempts and its end", async () => {
    const receiver = await startReceiver(() => ({ status: 418, body: "no tea" }));
    await withServer(async (url, server) => {
      const client = createMlflowClient({ url });
      const webhookId = await client.createWebhook({ name: "hook", url: receiver.url, events: EVERY_EVENT });
      await client.createRegisteredModel("churn");
      await server.settled();
      expect(server.deliveries()).toMatchObject([
        {
          id: header(receiver.received[0], "X-MLflow-Delivery-Id"),
          webhookId,
          attempts: [{ method: "POST", url: `${receiver.url}/`, status: 418 }],
          outcome: { kind: "answered", status: 418, body: "no tea" },
        },
      ]);
    });
  });
});

describe("the test endpoint", () => {
  test("sends MLflow's example, also for a disabled webhook, and tells what the receiver said", () =>
    withWebhook(async ({ url, client, receiver }) => {
      const [events, name] = [["model_version_alias.created"], "test"];
      const id = await client.createWebhook({ name, url: receiver.url, events, secret: "s" });
      await call(url, "PATCH", `${API}/webhooks/${id}`, { status: "DISABLED" });
      const answer = await call(url, "POST", `${API}/webhooks/${id}/test`, {});
      expect(answer.body).toEqual({ result: { success: true, response_status: 200, response_body: "" } });
      const event = { entity: "MODEL_VERSION", action: "CREATED" };
      await call(url, "POST", `${API}/webhooks/${id}/test`, { event });
      expect(receiver.received.map(eventOf)).toEqual(["model_version_alias.created", "model_version.created"]);
      expect(aliasOf(receiver.received[0] ?? { method: "", target: "", headers: [], body: "{}" })).toBe(
        "example_alias",
      );
    }));

  test("tells that nobody answered", async () => {
    const gone = await startReceiver();
    await gone.close();
    await withServer(
      async (url, server) => {
        const client = createMlflowClient({ url });
        const id = await client.createWebhook({ name: "hook", url: gone.url, events: EVERY_EVENT });
        const result = await server.control.deliverTest(id);
        expect(result).toMatchObject({ success: false, error: expect.stringContaining("ECONNREFUSED") });
        expect(server.deliveries()[0]?.attempts).toHaveLength(4);
      },
      { clock: createVirtualClock(0) },
    );
  });

  test("answers 501 for events the stand-in does not send", () =>
    withWebhook(async ({ url, server }) => {
      await server.control.deliverTest("no-such-webhook").then(
        () => expect.unreachable(),
        (error: unknown) => expect(error).toMatchObject({ code: "RESOURCE_DOES_NOT_EXIST" }),
      );
      const listed = await call(url, "GET", `${API}/webhooks`);
      const id = text(at(listed.body, "webhooks", 0, "webhook_id"));
      const event = { entity: "PROMPT", action: "CREATED" };
      const answer = await call(url, "POST", `${API}/webhooks/${id}/test`, { event });
      expect(answer).toMatchObject({ status: 501, body: { error_code: "NOT_IMPLEMENTED" } });
    }));
});

describe("deliveries that misbehave on request", () => {
  const aliases = async (client: MlflowClient, ...names: string[]): Promise<void> => {
    for (const name of names) await client.setAlias("churn", name, "1");
  };

  test("the next ones are lost", () =>
    withWebhook(async ({ client, server, receiver }) => {
      server.control.lose(2);
      await aliases(client, "a", "b", "c");
      await server.settled();
      expect(receiver.received.map(aliasOf)).toEqual(["c"]);
      expect(server.deliveries().map(({ outcome }) => outcome.kind)).toEqual(["lost", "lost", "answered"]);
    }));

  test("those a predicate picks are lost until the reset", () =>
    withWebhook(async ({ client, server, receiver }) => {
      server.control.lose(({ event }) => event.data["alias"] === "a");
      await aliases(client, "a", "b", "a");
      server.control.reset();
      await aliases(client, "a");
      await server.settled();
      expect(receiver.received.map(aliasOf).toSorted()).toEqual(["a", "b"]);
    }));

  test("one delivery comes three times, byte for byte", () =>
    withWebhook(async ({ client, server, receiver }) => {
      server.control.repeat(2);
      await aliases(client, "a");
      await server.settled();
      server.control.repeat(0);
      await aliases(client, "b");
      await server.settled();
      expect(receiver.received.map(aliasOf)).toEqual(["a", "a", "a", "b"]);
      expect(new Set(receiver.received.map((request) => JSON.stringify(request))).size).toBe(2);
      expect(server.deliveries()[0]?.attempts).toHaveLength(3);
    }));

  test("the order is turned round", () =>
    withWebhook(async ({ client, server, receiver }) => {
      server.control.reorder(3);
      await aliases(client, "a", "b", "c", "d");
      await server.settled();
      const order = receiver.received.map(aliasOf);
      expect(order.filter((alias) => alias !== "d")).toEqual(["c", "b", "a"]);
      expect(order).toContain("d");
    }));

  test("a reset sends what is held", () =>
    withWebhook(async ({ client, server, receiver }) => {
      server.control.reorder(5);
      await aliases(client, "a", "b");
      await server.settled();
      expect(receiver.received).toEqual([]);
      server.control.reset();
      await server.settled();
      expect(receiver.received.map(aliasOf)).toEqual(["b", "a"]);
    }));

  test("a delay comes before the delivery is made, so its time is that of the sending", async () => {
    const receiver = await startReceiver();
    await withServer(
      async (url, server) => {
        const client = createMlflowClient({ url });
        await client.createWebhook({ name: "hook", url: receiver.url, events: EVERY_EVENT });
        server.control.delay(60_000);
        await client.createRegisteredModel("churn");
        await server.settled();
        expect(header(receiver.received[0], "X-MLflow-Timestamp")).toBe("1790000060");
      },
      { clock: createVirtualClock(1_790_000_000_000) },
    );
  });
});

test("closing drops what is queued, waiting or under way, and at most ten were under way", async () => {
  let requests = 0;
  await withServer(
    async (url, server) => {
      const client = createMlflowClient({ url });
      await client.createWebhook({ name: "hook", url: "http://127.0.0.1:9/", events: EVERY_EVENT });
      for (let model = 0; model < 12; model += 1) await client.createRegisteredModel(`model-${model}`);
      expect(requests).toBe(10);
      await server.close();
      expect(server.deliveries().map(({ outcome }) => outcome.kind)).toEqual(Array(12).fill("lost"));
    },
    {
      send: (_, signal) => {
        requests += 1;
        return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      },
    },
  );
  expect(requests).toBe(10);
});
