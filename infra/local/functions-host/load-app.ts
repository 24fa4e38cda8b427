import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { z } from "zod";
import { type HostSettings, parseHostJson } from "./host-json.ts";

const packageJson = z.object({ main: z.string().min(1) });

/** Reads the app's host.json; throws with every problem of it. */
export function readHostSettings(appDirectory: string): HostSettings {
  return parseHostJson(readText(appDirectory, "host.json"));
}

/** Imports every file that `main` of the app's package.json names (a path or a glob); throws what the app threw while loading. */
export async function loadApp(appDirectory: string): Promise<void> {
  const read = packageJson.safeParse(JSON.parse(readText(appDirectory, "package.json")));
  if (!read.success) throw new Error("package.json of the app names no entry point: main is missing");
  const files = globSync(read.data.main, { cwd: appDirectory }).sort();
  if (files.length === 0) throw new Error(`No file of the app matches main of its package.json: "${read.data.main}"`);
  for (const file of files) await import(pathToFileURL(join(appDirectory, file)).href);
}

function readText(appDirectory: string, name: string): string {
  try {
    return readFileSync(join(appDirectory, name), "utf8");
  } catch (error) {
    throw new Error(`The app has no readable ${name}`, { cause: error });
  }
}
