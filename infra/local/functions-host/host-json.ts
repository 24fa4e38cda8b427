import { z } from "zod";
import type { LogLevel, LogLevels } from "./log.ts";
import { fromTimeSpan } from "./time-span.ts";

export interface ServiceBusSettings {
  readonly maxConcurrentCalls: number;
  readonly autoCompleteMessages: boolean;
  readonly maxAutoLockRenewalMilliseconds: number;
  readonly retry: {
    readonly mode: "exponential" | "fixed";
    readonly tryTimeoutMilliseconds: number;
    readonly delayMilliseconds: number;
    readonly maxDelayMilliseconds: number;
    readonly maxRetries: number;
  };
}

/** What the local host does with a host.json. */
export interface HostSettings {
  /** Undefined: no limit (`-1`). */
  readonly functionTimeoutMilliseconds: number | undefined;
  readonly routePrefix: string;
  readonly serviceBus: ServiceBusSettings;
  readonly logLevels: LogLevels;
  /** Keys that are accepted and do nothing here. */
  readonly ignored: readonly string[];
}

const timeSpan = z.string().transform((text, context) => {
  const milliseconds = fromTimeSpan(text);
  if (milliseconds !== undefined) return milliseconds;
  context.addIssue({ code: "custom", message: `"${text}" is not a time span such as 00:05:00` });
  return z.NEVER;
});

const LEVELS: readonly LogLevel[] = ["trace", "debug", "information", "warning", "error", "critical", "none"];
const level = z.string().transform((text, context) => {
  const found = LEVELS.find((name) => name === text.toLowerCase());
  if (found !== undefined) return found;
  context.addIssue({ code: "custom", message: `"${text}" is not one of ${LEVELS.join(", ")}` });
  return z.NEVER;
});

const retryOptions = z.strictObject({
  mode: z
    .string()
    .toLowerCase()
    .pipe(z.enum(["exponential", "fixed"]))
    .default("exponential"),
  tryTimeout: timeSpan.prefault("00:01:00"),
  delay: timeSpan.prefault("00:00:00.80"),
  maxDelay: timeSpan.prefault("00:01:00"),
  maxRetries: z.int().min(0).default(3),
});

const serviceBus = z.strictObject({
  maxConcurrentCalls: z.int().min(1).max(1000).default(16),
  prefetchCount: z
    .literal(0, { error: "only 0 works here: the JavaScript SDK of Service Bus cannot prefetch" })
    .default(0),
  autoCompleteMessages: z.boolean().default(true),
  maxAutoLockRenewalDuration: timeSpan.prefault("00:05:00"),
  clientRetryOptions: retryOptions.prefault({}),
});

/** Defaults are those of the Flex Consumption plan: https://learn.microsoft.com/azure/azure-functions/functions-host-json */
const hostJson = z.strictObject({
  version: z.literal("2.0"),
  functionTimeout: z.union([z.literal("-1"), timeSpan]).prefault("00:30:00"),
  extensions: z
    .strictObject({
      http: z.strictObject({ routePrefix: z.string().default("api") }).prefault({}),
      serviceBus: serviceBus.prefault({}),
    })
    .prefault({}),
  logging: z
    .strictObject({ logLevel: z.record(z.string(), level).default({}), applicationInsights: z.unknown().optional() })
    .prefault({}),
  extensionBundle: z.unknown().optional(),
  telemetryMode: z.unknown().optional(),
});

/** Reads a host.json; throws one Error that names every key the local host does not honour and every value it cannot read. */
export function parseHostJson(text: string): HostSettings {
  const result = hostJson.safeParse(parseJson(text));
  if (!result.success)
    throw new Error(["host.json cannot be used:", ...result.error.issues.flatMap(describe)].join("\n  "));
  const { functionTimeout, extensions, logging } = result.data;
  return {
    functionTimeoutMilliseconds: functionTimeout === "-1" ? undefined : functionTimeout,
    routePrefix: extensions.http.routePrefix,
    serviceBus: toServiceBusSettings(extensions.serviceBus),
    logLevels: Object.fromEntries(Object.entries(logging.logLevel).map(([name, value]) => [name.toLowerCase(), value])),
    ignored: [
      ...["extensionBundle", "telemetryMode"].filter((key) => key in result.data),
      ...("applicationInsights" in logging ? ["logging.applicationInsights"] : []),
    ],
  };
}

function toServiceBusSettings(read: z.output<typeof serviceBus>): ServiceBusSettings {
  return {
    maxConcurrentCalls: read.maxConcurrentCalls,
    autoCompleteMessages: read.autoCompleteMessages,
    maxAutoLockRenewalMilliseconds: read.maxAutoLockRenewalDuration,
    retry: {
      mode: read.clientRetryOptions.mode,
      tryTimeoutMilliseconds: read.clientRetryOptions.tryTimeout,
      delayMilliseconds: read.clientRetryOptions.delay,
      maxDelayMilliseconds: read.clientRetryOptions.maxDelay,
      maxRetries: read.clientRetryOptions.maxRetries,
    },
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error("host.json is not JSON", { cause: error });
  }
}

function describe(issue: z.core.$ZodIssue): string[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => `${[...issue.path, key].join(".")}: not honoured by the local host`);
  }
  return [`${issue.path.join(".") || "(whole file)"}: ${issue.message}`];
}
