import { type KubernetesObject, makeInformer, Watch } from "@kubernetes/client-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { resources } from "../../../infra/local/kubernetes/resources.ts";
import { createStore } from "../../../infra/local/kubernetes/store.ts";
import { type Cluster, isReal, startCluster, until } from "./cluster.ts";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.close());

const path = (namespace: string) => `/api/v1/namespaces/${namespace}/secrets`;

/** A namespace of its own, and how to write and watch secrets in it. */
async function scene(name: string) {
  const { core, config } = cluster;
  await core.createNamespace({ body: { metadata: { name } } });
  const seen: string[] = [];
  const note = (type: string, object: KubernetesObject): void => {
    seen.push(`${type} ${object.metadata?.name ?? ""}`);
  };
  return {
    seen,
    create: (map: string, labels: Record<string, string> = {}) =>
      core.createNamespacedSecret({ namespace: name, body: { metadata: { name: map, labels } } }),
    label: (map: string, labels: Record<string, string>) =>
      core.replaceNamespacedSecret({ namespace: name, name: map, body: { metadata: { name: map, labels } } }),
    remove: (map: string) => core.deleteNamespacedSecret({ namespace: name, name: map }),
    watch: (query: object) => new Watch(config).watch(path(name), { ...query }, note, () => undefined),
    saw: (...events: string[]) => until(events.join(), async () => seen.join() === events.join()),
  };
}

test("a watch without a revision begins with what is there", async () => {
  const { create, remove, watch, saw } = await scene("watch-1");
  await create("a");
  const stop = await watch({});
  await create("b");
  await remove("a");
  await saw("ADDED a", "ADDED b", "DELETED a");
  stop.abort();
});

test("a watch from a revision tells what happened since", async () => {
  const { create, label, remove, watch, saw } = await scene("watch-2");
  const { metadata } = await create("a");
  await label("a", { x: "1" });
  await remove("a");
  const stop = await watch({ resourceVersion: metadata?.resourceVersion });
  await saw("MODIFIED a", "DELETED a");
  stop.abort();
});

test("for a watcher with a selector objects appear and disappear as they match", async () => {
  const { create, label, watch, saw } = await scene("watch-3");
  const stop = await watch({ labelSelector: "on=yes" });
  await create("a");
  await label("a", { on: "yes" });
  await label("a", { on: "yes", more: "1" });
  await label("a", { on: "no" });
  await saw("ADDED a", "MODIFIED a", "DELETED a");
  stop.abort();
});

test("a watch ends with its time and says where it stood", async () => {
  const answer = await cluster.call("GET", `${path("default")}?watch=1&timeoutSeconds=1&allowWatchBookmarks=true`);
  expect(answer.code).toBe(200);
  expect(answer.body).toMatchObject({
    type: "BOOKMARK",
    object: { kind: "Secret", metadata: { resourceVersion: expect.any(String) } },
  });
});

// What a real server has cut of its history is chance.
test.skipIf(isReal)("a revision older than the history is told as 410 inside the stream", async () => {
  const answer = await cluster.call("GET", `${path("default")}?watch=1&resourceVersion=1`);
  expect(answer).toMatchObject({ code: 200, body: { type: "ERROR", object: { code: 410, reason: "Expired" } } });
});

test("an informer lists and follows", async () => {
  const { create, remove } = await scene("watch-4");
  await create("a");
  const list = () => cluster.core.listNamespacedSecret({ namespace: "watch-4" });
  const informer = makeInformer(cluster.config, path("watch-4"), list);
  await informer.start();
  await create("b");
  await until("both", async () => informer.list().length === 2);
  await remove("a");
  await until(
    "the other alone",
    async () =>
      informer
        .list()
        .map(({ metadata }) => metadata?.name)
        .join() === "b",
  );
  await informer.stop();
});

test("a client that asks for the list inside the watch is told to list first", async () => {
  const answer = await cluster.call("GET", `${path("default")}?watch=1&sendInitialEvents=true`);
  expect(answer).toMatchObject({ code: 422, body: { reason: "Invalid" } });
});

test("history that was cut answers 410 to who asks for it", () => {
  const store = createStore(8);
  const write = (name: string) =>
    store.write("ADDED", resources.configmaps, {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name, namespace: "n", uid: name, resourceVersion: "", creationTimestamp: "" },
    });
  const first = store.revision();
  for (let i = 0; i < 9; i += 1) write(`m${i}`);
  expect(() => store.changesSince(first)).toThrow(/too old resource version/);
  expect(store.changesSince(store.revision() - 2)).toHaveLength(2);
  expect(store.listAt(resources.configmaps, "n", store.revision() - 3)).toHaveLength(6);
});
