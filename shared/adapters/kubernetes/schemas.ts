import * as z from "zod";

const stringMap = z.record(z.string(), z.string());

export const objectMetadata = z.object({
  name: z.string(),
  uid: z.string(),
  resourceVersion: z.string(),
  generation: z.number().default(0),
  labels: stringMap.default({}),
  annotations: stringMap.default({}),
  deletionTimestamp: z.string().optional(),
});

const ownedFields = z.object({ "f:spec": z.object({ "f:replicas": z.unknown().optional() }).optional() });

export const anyObject = z.object({ metadata: objectMetadata });
/** A workload with its replicas and who owns them. */
export const storedWorkload = z.object({
  metadata: objectMetadata.extend({
    managedFields: z
      .array(
        z.object({
          manager: z.string().default(""),
          subresource: z.string().optional(),
          fieldsV1: ownedFields.optional(),
        }),
      )
      .default([]),
  }),
  spec: z.object({ replicas: z.number().int().default(1) }),
});
export type StoredWorkload = z.infer<typeof storedWorkload>;
export const objectList = z.object({
  metadata: z.object({ continue: z.string().optional() }).default({}),
  items: z.array(anyObject),
});

/** What discovery says of one version of the API. */
export const resourceList = z.object({ resources: z.array(z.object({ kind: z.string() })) });

/** Numbers the API server leaves out are 0, as in Go. */
const count = z.number().int().default(0);

export const deployment = z.object({
  metadata: objectMetadata,
  spec: z.object({ replicas: z.number().int().default(1), template: z.unknown() }),
  status: z
    .object({
      observedGeneration: count,
      replicas: count,
      updatedReplicas: count,
      availableReplicas: count,
      conditions: z
        .array(z.object({ type: z.string(), reason: z.string().default(""), message: z.string().default("") }))
        .default([]),
    })
    .prefault({}),
});

const terminated = z.object({ reason: z.string().default("Error"), exitCode: z.number().int() });
const containerState = z.object({
  waiting: z.object({ reason: z.string().default(""), message: z.string().default("") }).optional(),
  terminated: terminated.optional(),
});

const containerStatus = z.object({
  name: z.string(),
  restartCount: count,
  started: z.boolean().optional(),
  state: containerState.default({}),
  lastState: containerState.default({}),
});

export const podList = z.object({
  metadata: z.object({ continue: z.string().optional() }).default({}),
  items: z.array(
    z.object({
      metadata: objectMetadata,
      status: z
        .object({
          conditions: z.array(z.object({ type: z.string(), status: z.string() })).default([]),
          containerStatuses: z.array(containerStatus).default([]),
          initContainerStatuses: z.array(containerStatus).default([]),
        })
        .prefault({}),
    }),
  ),
});

export type Pod = z.infer<typeof podList>["items"][number];
