import { TransientError } from "../domain/errors.ts";
import { describeModel, type ModelVersion } from "../domain/model.ts";
import type { ModelArtifact } from "../ports/model-registry.ts";

/** Passes on as many bytes as were listed; fewer or more are a TransientError. */
export async function* exactly(
  { path, bytes }: ModelArtifact,
  version: ModelVersion,
  source: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer> {
  const fail = (came: string) =>
    new TransientError(
      "bad-answer",
      `The artifact ${path} of ${describeModel(version)} was listed with ${bytes} bytes, but ${came} came.`,
    );
  let passed = 0;
  for await (const chunk of source) {
    passed += chunk.byteLength;
    if (passed > bytes) throw fail("more");
    yield chunk;
  }
  if (passed < bytes) throw fail(`only ${passed}`);
}
