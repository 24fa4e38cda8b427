import { z } from "zod";

export type FunctionCallback = (...args: unknown[]) => unknown;

export interface HttpTrigger {
  readonly kind: "http";
  readonly route: string;
  /** Upper case. */
  readonly methods: readonly string[];
  readonly authLevel: "anonymous" | "function" | "admin";
}

export interface QueueTrigger {
  readonly kind: "serviceBusQueue";
  /** May hold `%SETTING%`. */
  readonly queueName: string;
  readonly connection: string;
  /** Undefined: as host.json says. */
  readonly autoCompleteMessages: boolean | undefined;
}

export interface TimerTrigger {
  readonly kind: "timer";
  /** NCRONTAB of six fields; may hold `%SETTING%`. */
  readonly schedule: string;
  readonly runOnStartup: boolean;
  readonly useMonitor: boolean;
}

export type Trigger = HttpTrigger | QueueTrigger | TimerTrigger;

/** A function as the app registered it; `bindings` is passed back to the library as it came. */
export interface RegisteredFunction {
  readonly name: string;
  readonly trigger: Trigger;
  readonly triggerName: string;
  readonly bindings: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly callback: FunctionCallback;
}

const httpTrigger = z.object({
  route: z.string().optional(),
  methods: z.array(z.string().toUpperCase()),
  authLevel: z
    .string()
    .toLowerCase()
    .pipe(z.enum(["anonymous", "function", "admin"])),
});
const queueTrigger = z.object({
  queueName: z.string().min(1),
  connection: z.string().min(1),
  autoCompleteMessages: z.boolean().optional(),
  // Another value of these asks for what this host lacks.
  cardinality: z.literal("one").optional(),
  isSessionsEnabled: z.literal(false).optional(),
  sdkBinding: z.literal(false).optional(),
});
const timerTrigger = z.object({
  schedule: z.string(),
  runOnStartup: z.boolean().default(false),
  useMonitor: z.boolean().default(true),
});

const metadata = z.object({
  name: z.string().regex(/^[A-Za-z][A-Za-z0-9_-]{0,127}$/),
  bindings: z.record(z.string(), z.looseObject({ type: z.string(), direction: z.enum(["in", "out"]) })),
  retryOptions: z.unknown().optional(),
});

/** Reads what the library registers; throws, naming the function, on a trigger or binding the local host does not run. */
export function fromFunctionMetadata(registered: unknown, callback: FunctionCallback): RegisteredFunction {
  const { name, bindings, retryOptions } = metadata.parse(registered);
  if (retryOptions !== undefined && retryOptions !== null) refuse(name, "a retry policy");
  const entries = Object.entries(bindings);
  for (const [key, binding] of entries) checkBinding(name, key, binding);
  const [triggerName, trigger] =
    entries.find(([, { type }]) => isTrigger(type)) ?? refuse(name, "being without trigger");
  return { name, trigger: readTrigger(name, trigger), triggerName, bindings, callback };
}

function checkBinding(name: string, key: string, { type, direction }: { type: string; direction: "in" | "out" }): void {
  if (direction === "out" && (type !== "http" || key !== "$return")) refuse(name, `output binding type ${type}`);
  if (direction === "in" && !isTrigger(type)) refuse(name, `input binding type ${type}`);
}

function isTrigger(type: string): boolean {
  return /trigger$/i.test(type);
}

function refuse(name: string, what: string): never {
  throw new Error(`Function "${name}": ${what} is not supported by the local Functions host`);
}

function readTrigger(name: string, binding: { type: string }): Trigger {
  switch (binding.type) {
    case "httpTrigger": {
      const { route = name, methods, authLevel } = read(name, httpTrigger, binding);
      return { kind: "http", route, methods, authLevel };
    }
    case "serviceBusTrigger": {
      const { queueName, connection, autoCompleteMessages } = read(name, queueTrigger, binding);
      return { kind: "serviceBusQueue", queueName, connection, autoCompleteMessages };
    }
    case "timerTrigger":
      return { kind: "timer", ...read(name, timerTrigger, binding) };
    default:
      return refuse(name, `trigger type ${binding.type}`);
  }
}

function read<T>(name: string, schema: z.ZodType<T>, binding: unknown): T {
  const result = schema.safeParse(binding);
  if (result.success) return result.data;
  const reasons = result.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
  throw new Error(`Function "${name}": the local Functions host cannot run this trigger: ${reasons.join("; ")}`);
}
