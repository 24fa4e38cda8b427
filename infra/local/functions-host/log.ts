export type LogLevel = "trace" | "debug" | "information" | "warning" | "error" | "critical" | "none";

/** One line of the host's log; `category` is named as in Azure: `Host.*`, `Worker`, `Function.<name>`, `Function.<name>.User`. */
export interface LogLine {
  /** ISO 8601, UTC. */
  readonly time: string;
  readonly level: LogLevel;
  readonly category: string;
  readonly message: string;
  readonly functionName?: string;
  readonly invocationId?: string;
}

export type Log = (line: Omit<LogLine, "time">) => void;

/** The lowest level that is written, by category prefix in lower case; `default` is for all others. */
export type LogLevels = Readonly<Record<string, LogLevel>>;

const SEVERITY: Readonly<Record<LogLevel, number>> = {
  trace: 0,
  debug: 1,
  information: 2,
  warning: 3,
  error: 4,
  critical: 5,
  none: 6,
};

/** Writes what the levels let through; the longest matching category prefix decides, as in .NET logging. */
export function createLog(deps: { sink: (line: LogLine) => void; levels: LogLevels; now: () => Date }): Log {
  return ({ level, category, message, ...about }) => {
    if (level === "none" || SEVERITY[level] < SEVERITY[threshold(deps.levels, category)]) return;
    deps.sink({ time: deps.now().toISOString(), level, category, message, ...about });
  };
}

function threshold(levels: LogLevels, category: string): LogLevel {
  const name = category.toLowerCase();
  const [longest] = Object.keys(levels)
    .filter((prefix) => prefix !== "default" && name.startsWith(prefix))
    .sort((a, b) => b.length - a.length);
  return levels[longest ?? "default"] ?? "information";
}
