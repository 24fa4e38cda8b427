import { z } from "zod";
import { type ArmError, invalid, notImplemented } from "./answer.ts";

/** The other request types the service knows. */
const OTHER_TYPES: readonly unknown[] = ["EncodedTaskRunRequest", "FileTaskRunRequest", "TaskRunRequest"];

const RUN_ID = "{{.Run.ID}}";

const dockerBuildRequest = z.strictObject({
  type: z.literal("DockerBuildRequest"),
  isArchiveEnabled: z.boolean().optional(),
  imageNames: z.array(z.string().min(1)).optional(),
  isPushEnabled: z.boolean().optional(),
  noCache: z.boolean().optional(),
  dockerFilePath: z.string().min(1),
  arguments: z
    .array(z.strictObject({ name: z.string().min(1), value: z.string(), isSecret: z.boolean().optional() }))
    .optional(),
  timeout: z.int().min(300).max(28_800).optional(),
  platform: z.strictObject({
    os: z.enum(["Linux", "Windows"]),
    architecture: z.enum(["amd64", "x86", "386", "arm", "arm64"]).optional(),
    variant: z.enum(["v6", "v7", "v8"]).optional(),
  }),
  // The shared pool has agents of this size only.
  agentConfiguration: z.strictObject({ cpu: z.literal(2).optional() }).optional(),
  sourceLocation: z.string().min(1),
  credentials: z
    .strictObject({ sourceRegistry: z.strictObject({ loginMode: z.enum(["None", "Default"]).optional() }).optional() })
    .optional(),
});

const taskRun = z.strictObject({
  location: z.string().optional(),
  properties: z.strictObject({ runRequest: z.unknown(), forceUpdateTag: z.string().optional() }),
});

/** A quick build as it came over the wire, in the terms of api-version 2019-06-01-preview. */
export type DockerBuildRequest = z.infer<typeof dockerBuildRequest>;

/** The body of PUT taskRuns. */
export interface TaskRunRequest {
  location: string | undefined;
  runRequest: DockerBuildRequest;
  forceUpdateTag: string | undefined;
}

/** Reads a run request; throws `ArmError` 400 for what is wrong and 501 for what is right but not implemented. */
export function parseRunRequest(body: unknown): DockerBuildRequest {
  const type = z.looseObject({ type: z.unknown() }).safeParse(body).data?.type;
  if (OTHER_TYPES.includes(type)) throw notImplemented(`The run request type ${String(type)}`);

  const request = parse(dockerBuildRequest, body);
  if (request.platform.os === "Windows") throw notImplemented("A Windows build");
  if (!request.sourceLocation.startsWith("source/")) throw notImplemented("A source that was not uploaded");
  const template = request.imageNames?.find((name) => name.replaceAll(RUN_ID, "").includes("{{"));
  if (template !== undefined) throw notImplemented(`The template in ${template}`);
  return request;
}

/** Reads the body of PUT taskRuns; throws like `parseRunRequest`. */
export function parseTaskRun(body: unknown): TaskRunRequest {
  const { location, properties } = parse(taskRun, body);
  return { location, runRequest: parseRunRequest(properties.runRequest), forceUpdateTag: properties.forceUpdateTag };
}

/** What GET shows of a request: secret arguments are there, their values are not. */
export function withoutSecrets(request: DockerBuildRequest): unknown {
  if (request.arguments === undefined) return request;
  const shown = request.arguments.map(({ name, value, isSecret }) =>
    isSecret === true ? { name, isSecret } : { name, value, isSecret: false },
  );
  return { ...request, arguments: shown };
}

/** The images' names with the run's id filled in. */
export function imageNames(request: DockerBuildRequest, runId: string): string[] {
  return (request.imageNames ?? []).map((name) => name.replaceAll(RUN_ID, runId));
}

/** `linux/amd64` and the like. */
export function platformOf({ platform }: DockerBuildRequest): string {
  const parts = [platform.os.toLowerCase(), platform.architecture ?? "amd64", platform.variant];
  return parts.filter((part) => part !== undefined).join("/");
}

function parse<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  throw refusal(result.error);
}

function refusal(error: z.ZodError): ArmError {
  const unknown = error.issues.find((issue) => issue.code === "unrecognized_keys");
  if (unknown?.code !== "unrecognized_keys") return invalid(z.prettifyError(error));
  return notImplemented(`The field ${[...unknown.path, unknown.keys.join(", ")].join(".")}`);
}
