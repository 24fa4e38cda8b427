import { Cron } from "croner";

export interface TimerSchedule {
  /** The first occurrence after that time; undefined when there is none any more. */
  next(after: Date): Date | undefined;
}

const NAMES = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat";
const VALUE = `(?:\\d+|${NAMES})`;
const ITEM = `(?:\\*(?:/\\d+)?|${VALUE}(?:-${VALUE}(?:/\\d+)?)?)`;
const FIELD = new RegExp(`^${ITEM}(?:,${ITEM})*$`, "i");

/** Compiles six NCRONTAB fields, seconds first, in UTC; throws on anything else, also on what only other crons know (`L`, `W`, `#`, `?`). */
export function compileSchedule(expression: string): TimerSchedule {
  const fields = expression.trim().split(/\s+/);
  const wrong = fields.find((field) => !FIELD.test(field));
  if (fields.length !== 6 || wrong !== undefined) {
    throw new Error(
      `"${expression}" is not an NCRONTAB expression of six fields${wrong === undefined ? "" : `: see "${wrong}"`}`,
    );
  }
  // NCRONTAB wants day of month and day of week both to match.
  const cron = new Cron(fields.join(" "), { mode: "6-part", timezone: "UTC", domAndDow: true, paused: true });
  return { next: (after) => cron.nextRun(after) ?? undefined };
}

/** Whether the next two occurrences are less than a minute apart. */
export function repeatsWithinAMinute(schedule: TimerSchedule, now: Date): boolean {
  const first = schedule.next(now);
  const second = first && schedule.next(first);
  return first !== undefined && second !== undefined && second.getTime() - first.getTime() < 60_000;
}
