import { z } from "zod";

const deployment = z.object({
  id: z.string(),
  model: z.string(),
  version: z.string(),
  phase: z.string(),
  step: z.string().optional(),
  code: z.string().optional(),
  why: z.string().optional(),
  serving: z.object({ version: z.string(), image: z.string() }).optional(),
  endedAt: z.string().optional(),
  durationSeconds: z.number().optional(),
});
export type DemoDeployment = z.infer<typeof deployment>;
const list = z.object({ deployments: z.array(deployment) });

/** Reads Belay's `deployments` function, newest first. */
export async function readDeployments(
  appUrl: string,
  functionKey: string,
  target: string,
  limit = 50,
): Promise<readonly DemoDeployment[]> {
  const answer = await fetch(`${appUrl}/api/deployments?target=${target}&limit=${limit}`, {
    headers: { "x-functions-key": functionKey },
    signal: AbortSignal.timeout(5_000),
  });
  if (!answer.ok) throw new Error(`deployments answered ${answer.status}`);
  return list.parse(await answer.json()).deployments;
}
