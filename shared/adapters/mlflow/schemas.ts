import * as z from "zod";

const tags = z.array(z.object({ key: z.string(), value: z.string().default("") })).default([]);

/** MLflow leaves out what is empty, and treats "", null and absent alike. */
const optionalText = z
  .string()
  .nullish()
  .transform((text) => (text === null || text === "" ? undefined : text));

export const modelVersion = z.object({
  name: z.string(),
  /** It becomes part of an image's tag. */
  version: z.string().regex(/^[0-9]{1,32}$/),
  creation_timestamp: z.number(),
  status: z.string().default("READY"),
  source: optionalText,
  run_id: optionalText,
  /** MLflow's word for a version that was never moved to a stage. */
  current_stage: optionalText.transform((stage) => stage ?? "None"),
  tags,
});
export type WireModelVersion = z.infer<typeof modelVersion>;

export const modelVersionAnswer = z.object({ model_version: modelVersion });

/** MLflow leaves out an empty list. An answer that holds other things in its place is not MLflow's, and says nothing. */
function holds(list: string): (answer: object) => boolean {
  return (answer) => list in answer || Object.keys(answer).every((key) => key === "next_page_token");
}

export const versionsAnswer = z
  .looseObject({ model_versions: z.array(modelVersion).exactOptional() })
  .refine(holds("model_versions"));

/** It goes into the next question's address; MLflow's own are far shorter. */
const pageToken = optionalText.refine((token) => token === undefined || token.length <= 2_000);
const latestVersion = modelVersion.pick({ version: true, creation_timestamp: true, current_stage: true });
const registeredModel = z.object({
  name: z.string(),
  creation_timestamp: z.number(),
  aliases: z.array(z.object({ alias: z.string(), version: z.string() })).default([]),
  latest_versions: z.array(latestVersion).default([]),
});
export type WireRegisteredModel = z.infer<typeof registeredModel>;

/** Models and their pointers. */
export const modelsAnswer = z
  .looseObject({ registered_models: z.array(registeredModel).exactOptional(), next_page_token: pageToken })
  .refine(holds("registered_models"));

/** NaN arrives as text. MLflow's store keeps an infinity as the largest number, which nobody measures otherwise. */
const metricValue = z
  .union([z.number(), z.enum(["NaN", "Infinity", "-Infinity"]).transform(Number)])
  .transform((value) => (Math.abs(value) === Number.MAX_VALUE ? Math.sign(value) * Number.POSITIVE_INFINITY : value));
const metric = z.object({
  key: z.string(),
  value: metricValue,
  timestamp: z.number().default(0),
  step: z.number().default(0),
});
export type WireMetric = z.infer<typeof metric>;
const metrics = z.array(metric).default([]);

const data = z.object({ metrics }).prefault({});
export const runAnswer = z.object({ run: z.object({ info: z.object({ run_id: z.string() }), data }) });
export const loggedModelAnswer = z.object({ model: z.object({ info: z.object({ model_id: z.string() }), data }) });
export const downloadAnswer = z.object({ artifact_uri: z.string() });

/** Bytes; a folder has none. */
const fileSize = z
  .union([
    z.int().min(0),
    z
      .string()
      .regex(/^\d{1,15}$/)
      .transform(Number),
  ])
  .nullish()
  .transform((bytes) => bytes ?? 0);
export const filesAnswer = z.object({
  files: z.array(z.object({ path: z.string(), is_dir: z.boolean().default(false), file_size: fileSize })).default([]),
  next_page_token: optionalText,
});

/** The part of an `MLmodel` file that says where the serving example lies. */
export const mlmodelFile = z.object({
  saved_input_example_info: z.object({ serving_input_path: z.string().nullish() }).nullish(),
});

export const errorAnswer = z.object({ error_code: z.string(), message: z.string().default("") });
