import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { audit, isClean, openSources } from "../../shared/audit/index.ts";
import { readConfiguration } from "../../shared/config/configuration.ts";
import { parseDuration } from "../../shared/config/quantities.ts";
import { formatReport, toJson } from "./report.ts";

const USAGE = `usage: npm run audit [-- --json] [--grace 10m] [--settle 5m]
Reads the tables, the registries and the clusters by the app's own settings, and changes nothing.
  --grace   what is late by no more than this is not lost yet: the sweep brings it back
  --settle  when something is found, everything is looked at once more after this, and only what stands is told; 0s: not
Exit code: 0 all is well, 1 something is lost, double or unexpected, 2 it could not be found out.`;

/** Nothing is said where something could not be read. */
const UNKNOWN = 2;

interface Options {
  json: boolean;
  graceMs: number;
  settleMs: number;
}

/** Runs the audit once; returns the exit code. */
export async function main(parameters: readonly string[]): Promise<number> {
  try {
    const options = readOptions(parameters);
    const judgement = await audit(await openSources(readConfiguration(import.meta.dirname)), {
      ...options,
      settle: async ({ findings }) => {
        const seconds = options.settleMs / 1000;
        process.stderr.write(`${findings.length} findings; looking again in ${seconds} s whether they stand.\n`);
        await delay(options.settleMs);
      },
    });
    process.stdout.write(`${options.json ? toJson(judgement) : formatReport(judgement)}\n`);
    return isClean(judgement) ? 0 : 1;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return UNKNOWN;
  }
}

function readOptions(parameters: readonly string[]): Options {
  const { json, grace, settle } = parse(parameters);
  return { json, graceMs: milliseconds("--grace", grace), settleMs: milliseconds("--settle", settle) };
}

function parse(parameters: readonly string[]) {
  const options = {
    json: { type: "boolean", default: false },
    // The sweep comes every five minutes and lets two pass before it sends anything again.
    grace: { type: "string", default: "10m" },
    settle: { type: "string", default: "5m" },
  } as const;
  try {
    return parseArgs({ args: [...parameters], options }).values;
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
  }
}

function milliseconds(name: string, text: string): number {
  const seconds = parseDuration(text);
  if (seconds === undefined) throw new Error(`${name} is ${text}; a duration such as 30s or 5m is needed.\n${USAGE}`);
  return seconds * 1000;
}
