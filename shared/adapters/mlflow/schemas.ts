import { z } from "zod";

const tags = z.array(z.object({ key: z.string(), value: z.string().default("") })).default([]);

/** MLflow leaves out what is empty, and treats "", null and absent alike. */
const optionalText = z
  .string()
  .nullish()
  .transform((text) => (text === null || text === "" ? undefined : text));

export const modelVersion = z.object({
  name: z.string(),
  version: z.string(),
  creation_timestamp: z.number(),
  status: z.string().default("READY"),
  source: optionalText,
  run_id: optionalText,
  tags,
});
export type WireModelVersion = z.infer<typeof modelVersion>;

export const modelVersionAnswer = z.object({ model_version: modelVersion });
export const searchAnswer = z.object({
  model_versions: z.array(modelVersion).default([]),
  next_page_token: optionalText,
});

/** NaN arrives as text; infinity as the largest number. */
const metricValue = z.union([z.number(), z.enum(["NaN", "Infinity", "-Infinity"]).transform(Number)]);
const metrics = z.array(z.object({ key: z.string(), value: metricValue })).default([]);

export const runAnswer = z.object({ run: z.object({ data: z.object({ metrics }).prefault({}) }) });
export const loggedModelAnswer = z.object({ model: z.object({ data: z.object({ metrics }).prefault({}) }) });
export const downloadAnswer = z.object({ artifact_uri: z.string() });
export const filesAnswer = z.object({
  files: z
    .array(z.object({ path: z.string(), is_dir: z.boolean().default(false), file_size: z.coerce.number().default(0) }))
    .default([]),
  next_page_token: optionalText,
});

/** The part of an `MLmodel` file that says where the serving example lies. */
export const mlmodelFile = z.object({
  saved_input_example_info: z.object({ serving_input_path: z.string().nullish() }).nullish(),
});

export const errorAnswer = z.object({ error_code: z.string(), message: z.string().default("") });
