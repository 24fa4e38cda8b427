import type { ContainerRegistryManagementClient } from "@azure/arm-containerregistry";
import * as z from "zod";
import { ARM_CALL_MS } from "../azure/resource-manager.ts";
import { within } from "../azure/within.ts";
import { boundedFetch } from "../http/bounded-fetch.ts";
import { withoutQueries } from "./build-failure.ts";
import { classifyTasksError } from "./classify.ts";

const TAIL_BYTES = 64 * 1024;
const LAST_LINES = 60;
const MAX_LINE = 500;
const READ_MS = 10_000;

const logAnswer = z.object({ logLink: z.url({ protocol: /^https?$/ }) });

/** The registry whose runs are read. */
export interface RunScope {
  resourceGroup: string;
  registryName: string;
}

/** The end of a run's log, at most 60 lines; a log that cannot be read is one line that says so, for the run itself has been read. */
export async function readLastLines(
  client: ContainerRegistryManagementClient,
  { resourceGroup, registryName }: RunScope,
  runId: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  try {
    const answer = await within(signal, ARM_CALL_MS, (abortSignal) =>
      client.runs.getLogSasUrl(resourceGroup, registryName, runId, { abortSignal }),
    );
    const tail = await readTail(new URL(logAnswer.parse(answer).logLink), signal);
    return toLines(tail).slice(-LAST_LINES);
  } catch (error) {
    if (signal.aborted) throw classifyTasksError(`Reading the log of run ${runId}`, signal.reason);
    return [`(The log of run ${runId} could not be read: ${error instanceof Error ? error.name : "unknown"}.)`];
  }
}

/** The store knows no suffix ranges, so the size is asked for first. The address is signed: its query goes nowhere else. */
async function readTail(address: URL, signal: AbortSignal): Promise<string> {
  const limits = { timeoutMs: READ_MS, maxBytes: TAIL_BYTES, signal };
  const { status, headers } = await boundedFetch(address, "The build log", { method: "HEAD", ...limits });
  const size = Number(headers.get("content-length") ?? "0");
  if (status !== 200) throw new LogRefusedError(`The build log was answered ${status}.`);
  if (size === 0) return "";
  const range = `bytes=${Math.max(0, size - TAIL_BYTES)}-${size - 1}`;
  const answer = await boundedFetch(address, "The build log", { headers: { range }, ...limits });
  if (answer.status !== 206 && answer.status !== 200)
    throw new LogRefusedError(`The build log was answered ${answer.status}.`);
  return answer.body.toString("utf8");
}

class LogRefusedError extends Error {
  override readonly name = "LogRefusedError";
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: builders colour their output; it is to be read as plain text.
const COLOURS = /\u001b\[[0-9;]*[A-Za-z]/g;

function toLines(text: string): string[] {
  return text
    .replaceAll(COLOURS, "")
    .split(/\r?\n/)
    .filter((line) => line.trim() !== "")
    .map((line) => withoutQueries(line).slice(0, MAX_LINE));
}
