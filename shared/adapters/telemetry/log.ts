import { AsyncLocalStorage } from "node:async_hooks";
import type { Log, LogLevel } from "../../ports/telemetry.ts";

/** Where an invocation's lines go: its context, so that the host can tell whose they are. */
export type LogSink = Readonly<Record<LogLevel, (line: string) => void>>;

const invocation = new AsyncLocalStorage<LogSink>();

/** Everything logged while `work` runs belongs to this invocation. */
export function withLogSink<T>(sink: LogSink, work: () => Promise<T>): Promise<T> {
  return invocation.run(sink, work);
}

/** One event a line, as JSON, which Application Insights can take apart. Outside an invocation nothing is logged. */
export const log: Log = (level, event, fields) => {
  invocation.getStore()?.[level](JSON.stringify({ event, ...fields }));
};
