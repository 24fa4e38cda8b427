import { rm } from "node:fs/promises";
import { notFound } from "./answer.ts";
import type { BlobStore, LogBlob } from "./blob-store.ts";
import { type Build, BuildServiceError, type BuiltImage } from "./build.ts";
import type { Clock } from "./clock.ts";
import { type DockerBuildRequest, imageNames, platformOf } from "./run-request.ts";

const DEFAULT_TIMEOUT_SECONDS = 3600;
const MAX_ERROR_MESSAGE = 1000;

/** The registry a call is about. */
export interface RegistryScope {
  /** Its ARM id as it was asked for. */
  id: string;
  name: string;
  /** The name in lower case: ARM knows no case, and no two registries of Azure have the same name. */
  key: string;
}

type Ending = "Succeeded" | "Failed" | "Canceled" | "Error" | "Timeout";

/** A run as it goes over the wire, in the terms of api-version 2019-06-01-preview; times are ISO 8601. */
export interface Run {
  id: string;
  name: string;
  type: "Microsoft.ContainerRegistry/registries/runs";
  properties: {
    runId: string;
    status: "Queued" | "Running" | Ending;
    runType: "QuickBuild";
    createTime: string;
    lastUpdatedTime: string;
    startTime?: string;
    finishTime?: string;
    outputImages?: readonly BuiltImage[];
    platform: DockerBuildRequest["platform"];
    agentConfiguration: { cpu: 2 };
    runErrorMessage?: string;
    /** Of the record, not of the build. */
    provisioningState: "Succeeded";
    isArchiveEnabled: boolean;
  };
}

interface Execution {
  run: Run;
  registry: RegistryScope;
  request: DockerBuildRequest;
  abort: AbortController;
  log: LogBlob | undefined;
  ended: boolean;
  settled: Promise<void>;
}

interface Conclusion {
  status: Ending;
  message?: string;
  images?: readonly BuiltImage[];
}

/** Quick builds and what became of them. */
export interface Runs {
  /** Begins a build and returns its run, which is Queued. */
  start(registry: RegistryScope, request: DockerBuildRequest): Run;
  /** Throws `ArmError` 404. */
  get(registry: RegistryScope, runId: string): Run;
  /** Newest first; of all registries when none is named. */
  list(registry?: RegistryScope): Run[];
  /** Ends a run that has not ended. */
  cancel(registry: RegistryScope, runId: string): void;
  /** Lets every later run wait so long in the queue. */
  delay(milliseconds: number): void;
  /** Aborts all builds and waits until they have settled. */
  close(): Promise<void>;
}

/** Where the log of a run is kept. */
export const logPath = (registry: RegistryScope, runId: string): string => `${registry.key}/logs/${runId}/rawtext.log`;

/** Where an uploaded source is kept. */
export const sourcePath = (registry: RegistryScope, relativePath: string): string => `${registry.key}/${relativePath}`;

export function createRuns({ build, blobs, clock }: { build: Build; blobs: BlobStore; clock: Clock }): Runs {
  const executions: Execution[] = [];
  let queueMilliseconds = 0;

  const now = (): string => clock.now().toISOString();

  function find(registry: RegistryScope, runId: string): Execution {
    const found = executions.find(({ run, registry: { key } }) => key === registry.key && run.name === runId);
    if (found === undefined) throw notFound(`${registry.id}/runs/${runId}`);
    return found;
  }

  function start(registry: RegistryScope, request: DockerBuildRequest): Run {
    const earlier = executions.filter(({ registry: { key } }) => key === registry.key).length;
    const run = newRun(registry, request, `ca${(earlier + 1).toString(36)}`, now());
    const execution: Execution = {
      run,
      registry,
      request,
      abort: new AbortController(),
      log: undefined,
      ended: false,
      settled: Promise.resolve(),
    };
    execution.settled = execute(execution);
    executions.push(execution);
    return run;
  }

  async function execute(execution: Execution): Promise<void> {
    await queue(execution.abort.signal);
    if (execution.ended) return;

    const timeoutSeconds = execution.request.timeout ?? DEFAULT_TIMEOUT_SECONDS;
    const stopTimer = clock.after(timeoutSeconds * 1000, () =>
      conclude(execution, { status: "Timeout", message: `the build took longer than ${timeoutSeconds} seconds` }),
    );
    try {
      execution.log = blobs.openLog(logPath(execution.registry, execution.run.name));
      execution.run.properties.startTime = now();
      update(execution, "Running");
      conclude(execution, { status: "Succeeded", images: await runBuild(execution, timeoutSeconds) });
    } catch (error) {
      conclude(execution, conclusionOf(error));
    } finally {
      stopTimer();
    }
  }

  async function runBuild(execution: Execution, timeoutSeconds: number): Promise<readonly BuiltImage[]> {
    const { request, run, registry, abort } = execution;
    const contextTarGz = await blobs.borrow(sourcePath(registry, request.sourceLocation));
    if (contextTarGz === undefined) throw new Error(`failed to download context: ${request.sourceLocation} not found`);
    try {
      abort.signal.throwIfAborted();
      const { images } = await build({
        runId: run.name,
        contextTarGz,
        dockerfile: request.dockerFilePath,
        imageNames: imageNames(request, run.name),
        arguments: Object.fromEntries((request.arguments ?? []).map(({ name, value }) => [name, value])),
        platform: platformOf(request),
        noCache: request.noCache ?? false,
        isPushEnabled: request.isPushEnabled ?? true,
        timeoutSeconds,
        log: (line) => execution.log?.write(line),
        signal: abort.signal,
      });
      return request.isPushEnabled === false ? [] : images;
    } finally {
      await rm(contextTarGz, { force: true });
    }
  }

  /** The first ending stands: what a build does after it was cancelled or timed out is not looked at. */
  function conclude(execution: Execution, { status, message, images }: Conclusion): void {
    if (execution.ended) return;
    execution.ended = true;
    if (status === "Canceled" || status === "Timeout") execution.abort.abort(new Error(message ?? "cancelled"));
    const { properties } = execution.run;
    properties.finishTime = now();
    if (images !== undefined) properties.outputImages = images;
    if (message !== undefined) properties.runErrorMessage = message.slice(0, MAX_ERROR_MESSAGE);
    execution.log?.write(summary(execution.run, status, message));
    execution.log?.end(status);
    update(execution, status);
  }

  function update({ run }: Execution, status: Run["properties"]["status"]): void {
    run.properties.status = status;
    run.properties.lastUpdatedTime = now();
  }

  async function queue(signal: AbortSignal): Promise<void> {
    if (queueMilliseconds === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const stopTimer = clock.after(queueMilliseconds, resolve);
    signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
    stopTimer();
  }

  return {
    start,
    get: (registry, runId) => find(registry, runId).run,
    list: (registry) =>
      executions
        .filter(({ registry: { key } }) => registry === undefined || key === registry.key)
        .map(({ run }) => run)
        .reverse(),
    cancel: (registry, runId) => conclude(find(registry, runId), { status: "Canceled" }),
    delay(milliseconds) {
      queueMilliseconds = milliseconds;
    },
    async close() {
      for (const execution of executions) conclude(execution, { status: "Canceled" });
      await Promise.all(executions.map(({ settled }) => settled));
    },
  };
}

function newRun(registry: RegistryScope, request: DockerBuildRequest, runId: string, createTime: string): Run {
  return {
    id: `${registry.id}/runs/${runId}`,
    name: runId,
    type: "Microsoft.ContainerRegistry/registries/runs",
    properties: {
      runId,
      status: "Queued",
      runType: "QuickBuild",
      createTime,
      lastUpdatedTime: createTime,
      platform: request.platform,
      agentConfiguration: { cpu: 2 },
      provisioningState: "Succeeded",
      isArchiveEnabled: request.isArchiveEnabled ?? false,
    },
  };
}

function conclusionOf(error: unknown): Conclusion {
  const message = error instanceof Error ? error.message : String(error);
  return { status: error instanceof BuildServiceError ? "Error" : "Failed", message };
}

/** The last lines of a log, as the service writes them. */
function summary({ name, properties }: Run, status: Ending, message: string | undefined): string {
  const started = Date.parse(properties.startTime ?? properties.createTime);
  const seconds = Math.round((Date.parse(properties.finishTime ?? properties.createTime) - started) / 1000);
  if (status === "Succeeded") return `Run ID: ${name} was successful after ${seconds}s`;
  if (message === undefined) return `Run ID: ${name} was ${status.toLowerCase()} after ${seconds}s`;
  return `Run ID: ${name} failed after ${seconds}s. Error: ${message}`;
}
