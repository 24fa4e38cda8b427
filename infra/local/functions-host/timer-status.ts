import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

const timerStatus = z.object({
  /** What the times below were reckoned with. */
  schedule: z.string(),
  last: z.coerce.date().optional(),
  next: z.coerce.date(),
});

/** Where a timer stands: what Azure keeps in a blob per timer. */
export type TimerStatus = z.output<typeof timerStatus>;

export interface TimerStatusStore {
  read(name: string): TimerStatus | undefined;
  write(name: string, status: TimerStatus): void;
}

/** Keeps one file a timer in a directory, or in memory without one: then no timer is past due after a restart. */
export function createTimerStatusStore(directory: string | undefined): TimerStatusStore {
  const memory = new Map<string, TimerStatus>();
  if (directory === undefined)
    return { read: (name) => memory.get(name), write: (name, status) => void memory.set(name, status) };
  mkdirSync(directory, { recursive: true });
  const pathOf = (name: string) => join(directory, `${name}.json`);
  return {
    read: (name) => readStatus(pathOf(name)),
    write(name, status) {
      writeFileSync(`${pathOf(name)}.new`, JSON.stringify(status));
      renameSync(`${pathOf(name)}.new`, pathOf(name));
    },
  };
}

function readStatus(path: string): TimerStatus | undefined {
  try {
    return timerStatus.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw new Error(`${path} is not the status of a timer; remove it`, { cause: error });
  }
}
