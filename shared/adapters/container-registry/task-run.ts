import type { DockerBuildRequest, PlatformProperties } from "@azure/arm-containerregistry";
import * as z from "zod";
import { PermanentError } from "../../domain/errors.ts";
import type { BuildRequest } from "../../ports/image-builder.ts";

/** What ACR allows for one run. */
const SHORTEST_SECONDS = 300;
const LONGEST_SECONDS = 28_800;

/** A build as ACR Tasks takes it. The shared agents have two CPUs, no more and no less. */
export function toDockerBuild(request: BuildRequest): DockerBuildRequest {
  return {
    type: "DockerBuildRequest",
    imageNames: [...request.images],
    isPushEnabled: true,
    dockerFilePath: "Dockerfile",
    sourceLocation: request.sourcePath,
    arguments: Object.entries(request.arguments).map(([name, value]) => ({ name, value, isSecret: false })),
    platform: toPlatform(request.platform),
    timeout: Math.min(Math.max(Math.round(request.timeoutSeconds), SHORTEST_SECONDS), LONGEST_SECONDS),
    agentConfiguration: { cpu: 2 },
  };
}

/** `linux/amd64` or `linux/arm/v7`. */
function toPlatform(text: string): PlatformProperties {
  const [, os, architecture = "", variant] = /^(linux|windows)\/([a-z0-9]+)(?:\/(v[678]))?$/.exec(text) ?? [];
  if (os === undefined)
    throw new PermanentError("configuration-wrong", `build.platform "${text}" is not like linux/amd64.`);
  return { os: os === "windows" ? "Windows" : "Linux", architecture, ...(variant === undefined ? {} : { variant }) };
}

const run = z.object({
  runId: z
    .string()
    .regex(/^\w{1,50}$/)
    .nullish(),
  status: z.string().nullish(),
  runErrorMessage: z.string().nullish(),
  outputImages: z.array(z.object({ repository: z.string().nullish(), digest: z.string().nullish() })).nullish(),
});
/** The name tells it from a page that something between here and Azure answers with. */
const taskRun = z.object({ name: z.string(), provisioningState: z.string().nullish(), runResult: run.nullish() });

/** What a task run has come to, as far as Belay needs it. */
export type RunStanding =
  | { kind: "running"; runId: string | undefined }
  | { kind: "succeeded"; runId: string | undefined; digest: string | undefined }
  | { kind: "failed"; runId: string | undefined; status: string; message: string };

/** @throws PermanentError when the answer cannot be read, or is about a task run of another name. */
export function toStanding(name: string, answer: unknown): RunStanding {
  const read = taskRun.safeParse(answer);
  if (!read.success)
    throw new PermanentError(
      "bad-answer",
      `The task run's answer is not understood at ${read.error.issues[0]?.path.join(".")}.`,
    );
  const { runResult, provisioningState } = read.data;
  // Resource Manager's names know no case.
  if (read.data.name.toLowerCase() !== name.toLowerCase())
    throw new PermanentError("bad-answer", `The answer about the task run ${name} is about another one.`);
  const runId = runResult?.runId ?? undefined;
  const status = runResult?.status ?? provisioningState ?? "Queued";
  if (status === "Succeeded") {
    const digest = runResult?.outputImages?.[0]?.digest ?? "";
    return { kind: "succeeded", runId, digest: /^sha256:[0-9a-f]{64}$/.test(digest) ? digest : undefined };
  }
  if (["Failed", "Error", "Canceled", "Timeout"].includes(status))
    return { kind: "failed", runId, status, message: runResult?.runErrorMessage ?? "" };
  // Also a status that is newer than this code: the step's deadline bears that.
  return { kind: "running", runId };
}
