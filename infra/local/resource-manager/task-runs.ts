import { isDeepStrictEqual } from "node:util";
import { ArmError, notFound } from "./answer.ts";
import { type DockerBuildRequest, type TaskRunRequest, withoutSecrets } from "./run-request.ts";
import type { RegistryScope, Run, Runs } from "./runs.ts";

/** A task run as it goes over the wire, in the terms of api-version 2019-06-01-preview. */
export interface TaskRun {
  id: string;
  name: string;
  type: "Microsoft.ContainerRegistry/registries/taskRuns";
  location: string;
  properties: {
    provisioningState: "Creating" | "Succeeded" | "Failed" | "Canceled";
    runRequest: unknown;
    runResult: Run;
    forceUpdateTag?: string;
  };
}

interface Record {
  registry: RegistryScope;
  name: string;
  asked: TaskRunRequest;
  run: Run;
}

/** Builds with a name: the same request under the same name is one build, whatever became of it. */
export interface TaskRuns {
  /** Starts a run, unless the same request already did; throws `ArmError` 400 for a name that is not allowed. */
  put(registry: RegistryScope, name: string, asked: TaskRunRequest): { isNew: boolean; taskRun: TaskRun };
  /** Throws `ArmError` 404. */
  get(registry: RegistryScope, name: string): TaskRun;
  /** Like `get`, with the values of secret arguments. */
  getDetails(registry: RegistryScope, name: string): TaskRun;
  list(registry: RegistryScope): TaskRun[];
  /** Removes the record, neither the run nor the image; false when there was none. */
  remove(registry: RegistryScope, name: string): boolean;
}

export function createTaskRuns({ runs, location }: { runs: Runs; location: string }): TaskRuns {
  const records = new Map<string, Record>();

  function show(record: Record, runRequest: unknown = withoutSecrets(record.asked.runRequest)): TaskRun {
    const { registry, name, asked, run } = record;
    return {
      id: `${registry.id}/taskRuns/${name}`,
      name,
      type: "Microsoft.ContainerRegistry/registries/taskRuns",
      location: asked.location ?? location,
      properties: {
        provisioningState: provisioningState(run),
        runRequest,
        runResult: run,
        ...(asked.forceUpdateTag === undefined ? {} : { forceUpdateTag: asked.forceUpdateTag }),
      },
    };
  }

  function find(registry: RegistryScope, name: string): Record {
    const record = records.get(keyOf(registry, name));
    if (record === undefined) throw notFound(`${registry.id}/taskRuns/${name}`);
    return record;
  }

  return {
    put(registry, name, asked) {
      checkName(name);
      const existing = records.get(keyOf(registry, name));
      if (existing !== undefined && isSameRequest(existing.asked, asked)) {
        return { isNew: false, taskRun: show(existing) };
      }
      const record = { registry, name, asked, run: runs.start(registry, asked.runRequest) };
      records.set(keyOf(registry, name), record);
      return { isNew: true, taskRun: show(record) };
    },
    get: (registry, name) => show(find(registry, name)),
    getDetails(registry, name) {
      const record = find(registry, name);
      return show(record, record.asked.runRequest satisfies DockerBuildRequest);
    },
    list: (registry) =>
      [...records.values()].filter((record) => record.registry.key === registry.key).map((record) => show(record)),
    remove: (registry, name) => records.delete(keyOf(registry, name)),
  };
}

const keyOf = (registry: RegistryScope, name: string): string => `${registry.key}/${name.toLowerCase()}`;

function checkName(name: string): void {
  if (/^[a-zA-Z0-9-]{5,50}$/.test(name)) return;
  throw new ArmError(
    400,
    "InvalidResourceName",
    `The task run name '${name}' is not 5 to 50 letters, digits or hyphens.`,
  );
}

/** Where it is to run does not belong to what is to run. */
function isSameRequest(one: TaskRunRequest, other: TaskRunRequest): boolean {
  return one.forceUpdateTag === other.forceUpdateTag && isDeepStrictEqual(one.runRequest, other.runRequest);
}

function provisioningState({ properties: { status } }: Run): TaskRun["properties"]["provisioningState"] {
  switch (status) {
    case "Queued":
    case "Running":
      return "Creating";
    case "Succeeded":
    case "Canceled":
      return status;
    case "Failed":
    case "Error":
    case "Timeout":
      return "Failed";
    default:
      return status satisfies never;
  }
}
