import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { type BuildRequest, BuildServiceError } from "../../../infra/local/resource-manager/build.ts";
import {
  buildOf,
  createManualClock,
  DIGEST,
  GROUP,
  logOf,
  REGISTRY,
  REGISTRY_ID,
  succeed,
  untilEnded,
  upload,
  useAzure,
} from "./stack.ts";

const azure = useAzure();

describe("a task run", () => {
  it("builds the uploaded source and tells the digest in one GET", async () => {
    const seen: (Omit<BuildRequest, "log" | "signal"> & { context: string })[] = [];
    const { manager, client } = await azure.start({
      async build({ log, signal: _signal, ...request }) {
        seen.push({ ...request, context: await readFile(request.contextTarGz, "utf8") });
        log("Step 1/1 : FROM scratch");
        return succeed({ ...request, log, signal: _signal });
      },
    });
    const runRequest = buildOf(await upload(client, "a gzipped tar"), {
      arguments: [{ name: "MODEL", value: "churn" }],
      platform: { os: "Linux", architecture: "arm64", variant: "v8" },
      noCache: true,
      timeout: 600,
    });
    await client.taskRuns.beginCreate(GROUP, REGISTRY, "first-build", { location: "northeurope", runRequest });

    const taskRun = await untilEnded(client, "first-build");
    const image = { registry: "127.0.0.1:5000", repository: "models/churn", tag: "42-ca1", digest: DIGEST };
    expect(taskRun).toMatchObject({
      id: `${REGISTRY_ID}/taskRuns/first-build`,
      location: "northeurope",
      provisioningState: "Succeeded",
      runResult: { runId: "ca1", status: "Succeeded", runType: "QuickBuild", outputImages: [image] },
    });
    expect(seen).toEqual([
      {
        runId: "ca1",
        contextTarGz: expect.any(String),
        context: "a gzipped tar",
        dockerfile: "Dockerfile",
        imageNames: ["models/churn:42-ca1"],
        arguments: { MODEL: "churn" },
        platform: "linux/arm64/v8",
        noCache: true,
        isPushEnabled: true,
        timeoutSeconds: 600,
      },
    ]);
    expect(await logOf(client, "ca1")).toMatch(/^Step 1\/1 : FROM scratch\nRun ID: ca1 was successful after \d+s\n$/);
    expect(manager.requests()).toMatchObject({ "taskRuns.create": 1, "registries.getBuildSourceUploadUrl": 1 });
  });

  it("is an operation that a poller can follow to its end", async () => {
    const gate = Promise.withResolvers<void>();
    const { client } = await azure.start({
      async build(request) {
        await gate.promise;
        return succeed(request);
      },
    });
    const runRequest = buildOf(await upload(client));
    const poller = await client.taskRuns.beginCreate(
      GROUP,
      REGISTRY,
      "polled",
      { runRequest },
      { updateIntervalInMs: 1 },
    );
    expect(await client.taskRuns.get(GROUP, REGISTRY, "polled")).toMatchObject({
      provisioningState: "Creating",
      runResult: { status: "Running" },
    });
    gate.resolve();
    expect(await poller.pollUntilDone()).toMatchObject({ provisioningState: "Succeeded" });
  });

  it("is one build for the same PUT, also side by side", async () => {
    const { manager, client } = await azure.start();
    const runRequest = buildOf(await upload(client));
    const create = () => client.taskRuns.beginCreate(GROUP, REGISTRY, "same-put", { runRequest, forceUpdateTag: "1" });
    await Promise.all([create(), create()]);
    await untilEnded(client, "same-put");
    await create();
    expect(manager.runs()).toHaveLength(1);
  });

  it("that failed never runs again by the same PUT", async () => {
    const { manager, client } = await azure.start({ build: () => Promise.reject(new Error("exit status 1")) });
    const runRequest = buildOf(await upload(client));
    const create = () => client.taskRuns.beginCreate(GROUP, REGISTRY, "failed-put", { runRequest });
    // The SDK looks once at what it has begun, and throws when that has failed already.
    await create().catch(() => undefined);
    const { runResult } = await untilEnded(client, "failed-put");

    await expect(create()).rejects.toThrow();
    expect(await untilEnded(client, "failed-put")).toMatchObject({ runResult: { runId: runResult?.runId } });
    expect(manager.runs()).toHaveLength(1);
  });

  it.each([
    ["request", { noCache: true }, "1"],
    ["forceUpdateTag", {}, "2"],
  ])("runs again for another %s", async (_name, change, forceUpdateTag) => {
    const { manager, client } = await azure.start();
    const runRequest = buildOf(await upload(client));
    await client.taskRuns.beginCreate(GROUP, REGISTRY, "again", { runRequest, forceUpdateTag: "1" });
    await client.taskRuns.beginCreate(GROUP, REGISTRY, "again", {
      runRequest: { ...runRequest, ...change },
      forceUpdateTag,
    });
    expect(await untilEnded(client, "again")).toMatchObject({ runResult: { runId: "ca2" } });
    expect(manager.runs().map(({ name }) => name)).toEqual(["ca2", "ca1"]);
  });

  it("can be deleted, which leaves its run and lets the same PUT build again", async () => {
    const { manager, client } = await azure.start();
    const runRequest = buildOf(await upload(client));
    await client.taskRuns.beginCreate(GROUP, REGISTRY, "deleted", { runRequest });
    await untilEnded(client, "deleted");
    await client.taskRuns.beginDeleteAndWait(GROUP, REGISTRY, "deleted");
    await client.taskRuns.beginDeleteAndWait(GROUP, REGISTRY, "deleted");

    await expect(client.taskRuns.get(GROUP, REGISTRY, "deleted")).rejects.toMatchObject({ statusCode: 404 });
    expect(await client.runs.get(GROUP, REGISTRY, "ca1")).toMatchObject({ status: "Succeeded" });
    await client.taskRuns.beginCreate(GROUP, REGISTRY, "deleted", { runRequest });
    expect(manager.runs()).toHaveLength(2);
  });

  it("shows the values of secret arguments only in its details", async () => {
    const { client } = await azure.start();
    const secret = { name: "TOKEN", value: "secret", isSecret: true };
    const runRequest = buildOf(await upload(client), { arguments: [secret, { name: "MODEL", value: "churn" }] });
    await client.taskRuns.beginCreate(GROUP, REGISTRY, "secrets", { runRequest });

    const shown = await client.taskRuns.get(GROUP, REGISTRY, "secrets");
    expect(JSON.stringify(shown)).not.toContain('"secret"');
    expect(shown.runRequest).toMatchObject({ arguments: [{ name: "TOKEN" }, { name: "MODEL", value: "churn" }] });
    const details = await client.taskRuns.getDetails(GROUP, REGISTRY, "secrets");
    expect(details.runRequest).toMatchObject({ arguments: [secret, { name: "MODEL" }] });
  });

  it("is listed", async () => {
    const { client } = await azure.start();
    const runRequest = buildOf(await upload(client));
    await client.taskRuns.beginCreate(GROUP, REGISTRY, "listed-1", { runRequest });
    await client.taskRuns.beginCreate(GROUP, REGISTRY, "listed-2", { runRequest });
    const names = [];
    for await (const { name } of client.taskRuns.list(GROUP, REGISTRY)) names.push(name);
    expect(names).toEqual(["listed-1", "listed-2"]);
  });
});

describe("a build that does not succeed", () => {
  it.each([
    ["Failed", new Error("line one\nexit status 1")],
    ["Error", new BuildServiceError("line one\nexit status 1")],
  ])("ends its run as %s with the message in run and log", async (status, error) => {
    const { client } = await azure.start({ build: () => Promise.reject(error) });
    const runRequest = buildOf(await upload(client));
    await client.taskRuns.beginCreate(GROUP, REGISTRY, "broken", { runRequest }).catch(() => undefined);

    expect(await untilEnded(client, "broken")).toMatchObject({
      provisioningState: "Failed",
      runResult: { status, runErrorMessage: "line one\nexit status 1" },
    });
    expect(await logOf(client, "ca1")).toMatch(/failed after 0s. Error: line one\nexit status 1\n$/);
  });

  it("ends as Timeout when its time is over, and is told", async () => {
    const clock = createManualClock();
    const { client } = await azure.start({ clock, build: untilAborted });
    const runRequest = buildOf(await upload(client), { timeout: 300 });
    await client.taskRuns.beginCreate(GROUP, REGISTRY, "too-slow", { runRequest });
    clock.advance(299_999);
    expect(await client.runs.get(GROUP, REGISTRY, "ca1")).toMatchObject({ status: "Running" });
    clock.advance(1);
    expect(await untilEnded(client, "too-slow")).toMatchObject({
      provisioningState: "Failed",
      runResult: { status: "Timeout", finishTime: new Date("2026-05-04T12:05:00Z") },
    });
  });

  it("ends as Canceled on request, whatever the build says afterwards", async () => {
    const { client } = await azure.start({ build: untilAborted });
    const runRequest = buildOf(await upload(client));
    await client.taskRuns.beginCreate(GROUP, REGISTRY, "unwanted", { runRequest });
    await client.runs.beginCancelAndWait(GROUP, REGISTRY, "ca1");
    expect(await client.taskRuns.get(GROUP, REGISTRY, "unwanted")).toMatchObject({
      provisioningState: "Canceled",
      runResult: { status: "Canceled" },
    });
    await client.runs.beginCancelAndWait(GROUP, REGISTRY, "ca1");
    expect(await logOf(client, "ca1")).toMatch(/^Run ID: ca1 was canceled after 0s\n$/);
  });

  it("fails when its source is not there", async () => {
    const { client } = await azure.start();
    const runRequest = buildOf("source/202605041200/nothing.tar.gz");
    await client.taskRuns.beginCreate(GROUP, REGISTRY, "no-source", { runRequest }).catch(() => undefined);
    expect(await untilEnded(client, "no-source")).toMatchObject({
      runResult: { status: "Failed", runErrorMessage: expect.stringContaining("nothing.tar.gz not found") },
    });
  });
});

describe("a delayed build", () => {
  it("stays in the queue, without a log, until its time has come", async () => {
    const clock = createManualClock();
    const { manager, client } = await azure.start({ clock });
    manager.delayBuilds(5_000);
    const runRequest = buildOf(await upload(client));
    await client.taskRuns.beginCreate(GROUP, REGISTRY, "patient", { runRequest });
    expect(await client.runs.get(GROUP, REGISTRY, "ca1")).toMatchObject({ status: "Queued" });
    await expect(logOf(client, "ca1")).rejects.toMatchObject({
      statusCode: 404,
      details: { errorCode: "BlobNotFound" },
    });
    clock.advance(5_000);
    expect(await untilEnded(client, "patient")).toMatchObject({ provisioningState: "Succeeded" });
  });

  it("can be cancelled in the queue and is then never built", async () => {
    const clock = createManualClock();
    let builds = 0;
    const { manager, client } = await azure.start({
      clock,
      build(request) {
        builds += 1;
        return succeed(request);
      },
    });
    manager.delayBuilds(5_000);
    const runRequest = buildOf(await upload(client));
    await client.taskRuns.beginCreate(GROUP, REGISTRY, "impatient", { runRequest });
    await client.runs.beginCancelAndWait(GROUP, REGISTRY, "ca1");
    clock.advance(5_000);
    expect(await untilEnded(client, "impatient")).toMatchObject({ provisioningState: "Canceled" });
    expect(builds).toBe(0);
  });

  it("whose time is over before it began is never built", async () => {
    const clock = createManualClock();
    let builds = 0;
    const { manager, client } = await azure.start({
      clock,
      build(request) {
        builds += 1;
        return succeed(request);
      },
    });
    manager.delayBuilds(5_000);
    const runRequest = buildOf(await upload(client), { timeout: 300 });
    await client.taskRuns.beginCreate(GROUP, REGISTRY, "overtaken", { runRequest });
    clock.advance(5_000);
    // Only promises are awaited, so that the run's file is not there yet when its time is over.
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
    expect(manager.runs()[0]?.properties.status).toBe("Running");
    clock.advance(300_000);
    await manager.close();
    expect(manager.runs()[0]?.properties.status).toBe("Timeout");
    expect(builds).toBe(0);
  });
});

/** A build that goes on until it is told to stop, and then claims to have succeeded. */
async function untilAborted(request: BuildRequest) {
  await new Promise((resolve) => request.signal.addEventListener("abort", resolve, { once: true }));
  request.log("too late");
  return succeed(request);
}
