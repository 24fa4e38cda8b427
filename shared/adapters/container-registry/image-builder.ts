import { randomUUID } from "node:crypto";
import type { ContainerRegistryManagementClient } from "@azure/arm-containerregistry";
import * as z from "zod";
import { PermanentError } from "../../domain/errors.ts";
import type { BuildState, ImageBuilder } from "../../ports/image-builder.ts";
import { ARM_CALL_MS, isArmMissing } from "../azure/resource-manager.ts";
import { within } from "../azure/within.ts";
import { toFailure } from "./build-failure.ts";
import { classifyTasksError } from "./classify.ts";
import { type RunScope, readLastLines } from "./run-log.ts";
import { sendOnly } from "./send-only.ts";
import { type RunStanding, toDockerBuild, toStanding } from "./task-run.ts";
import { uploadContext } from "./upload-context.ts";

export interface AcrBuilderSettings extends RunScope {
  client: () => Promise<ContainerRegistryManagementClient>;
  /** Where people look at Azure, `https://portal.azure.com` in the public cloud. */
  portal?: string;
}

const uploadAnswer = z.object({ uploadUrl: z.url({ protocol: /^https?$/ }), relativePath: z.string().min(1).max(500) });
const registryAnswer = z.object({ location: z.string().min(1) });

/**
 * Builds with ACR Tasks: a build is a task run with a name. Calls of Resource Manager per build: the registry's
 * location once a process, an upload address, the PUT, one a look, one for the log of a build that failed, and one
 * for the removal of its record.
 */
export function createAcrBuilder(settings: AcrBuilderSettings): ImageBuilder {
  const { client: open, resourceGroup, registryName, portal = "https://portal.azure.com" } = settings;
  let location: string | undefined;

  const readLocation = async (client: ContainerRegistryManagementClient, signal: AbortSignal): Promise<string> => {
    const answer = await arm(`Reading the registry ${registryName}`, signal, (abortSignal) =>
      client.registries.get(resourceGroup, registryName, { abortSignal }),
    );
    return parse("The registry's answer", registryAnswer, answer).location;
  };

  return {
    uploadContext: async (contextTarGz, signal) => {
      const client = await open();
      const answer = await arm("Asking for an upload address", signal, (abortSignal) =>
        client.registries.getBuildSourceUploadUrl(resourceGroup, registryName, {
          abortSignal,
          // The service derives the path from this: two uploads under one id would overwrite each other.
          requestOptions: { customHeaders: { "x-ms-correlation-request-id": randomUUID() } },
        }),
      );
      const { uploadUrl, relativePath } = parse("The upload address", uploadAnswer, answer);
      await uploadContext(uploadUrl, contextTarGz, signal);
      return relativePath;
    },
    start: async (request, signal) => {
      const client = await open();
      const runRequest = toDockerBuild(request);
      location ??= await readLocation(client, signal);
      const taskRun = { location, runRequest };
      await arm(`Asking for the build ${request.name}`, signal, (abortSignal) =>
        // The operation ends with the build, which is looked at later.
        sendOnly(abortSignal, (options) =>
          client.taskRuns.beginCreate(resourceGroup, registryName, request.name, taskRun, options),
        ),
      );
    },
    look: async (name, signal) => {
      const client = await open();
      const what = `Looking at the build ${name}`;
      const answer = await arm(what, signal, (abortSignal) =>
        client.taskRuns.get(resourceGroup, registryName, name, { abortSignal }).catch(undefinedIfMissing),
      );
      if (answer === undefined) return { kind: "absent" };
      return toState(client, toStanding(name, answer), signal);
    },
    remove: async (name, signal) => {
      const client = await open();
      await arm(`Removing the record of the build ${name}`, signal, (abortSignal) =>
        sendOnly(abortSignal, (options) =>
          client.taskRuns.beginDelete(resourceGroup, registryName, name, options),
        ).catch(undefinedIfMissing),
      );
    },
  };

  async function toState(
    client: ContainerRegistryManagementClient,
    standing: RunStanding,
    signal: AbortSignal,
  ): Promise<BuildState> {
    const logLink = `${portal}/#resource${registryId(client.subscriptionId, settings)}/tasks`;
    switch (standing.kind) {
      case "running":
        return { kind: "running", logLink };
      case "succeeded":
        return { kind: "succeeded", logLink, ...(standing.digest === undefined ? {} : { digest: standing.digest }) };
      case "failed": {
        const { runId } = standing;
        const lastLines = runId === undefined ? [] : await readLastLines(client, settings, runId, signal);
        return { ...toFailure(standing, lastLines), logLink };
      }
      default:
        return standing satisfies never;
    }
  }
}

function registryId(subscriptionId: string | undefined, { resourceGroup, registryName }: RunScope): string {
  return `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.ContainerRegistry/registries/${registryName}`;
}

function undefinedIfMissing(error: unknown): undefined {
  if (!isArmMissing(error)) throw error;
}

async function arm<T>(what: string, signal: AbortSignal, call: (limited: AbortSignal) => Promise<T>): Promise<T> {
  try {
    return await within(signal, ARM_CALL_MS, call);
  } catch (error) {
    throw classifyTasksError(what, error);
  }
}

function parse<T>(what: string, schema: z.ZodType<T>, answer: unknown): T {
  const read = schema.safeParse(answer);
  if (read.success) return read.data;
  throw new PermanentError("bad-answer", `${what} is not understood at ${read.error.issues[0]?.path.join(".")}.`);
}
