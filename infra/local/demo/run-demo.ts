import { join } from "node:path";
import { type Stack, startStack } from "../stack/stack.ts";
import { formatLine } from "./event-line.ts";
import { formatChecks, formatDeployments } from "./report.ts";
import { NAMESPACE, openScene, type Scene, TARGET } from "./scene.ts";
import { STORIES } from "./stories.ts";
import { check, type Story, type StoryResult } from "./story.ts";

export interface DemoOptions {
  /** One story alone; undefined: all. */
  only?: string;
  mlflowUrl?: string;
  kubeconfigFile?: string;
  print: (line: string) => void;
  /** Characters of a line. */
  width: number;
  /** Breaks off, and leaves nothing behind all the same. */
  signal: AbortSignal;
}

/** The policy that `npm start` and `npm run demo` run with. */
export const DEMO_POLICY = join(import.meta.dirname, "../delivery.yaml");

/** Names for `npm run demo -- NAME`. */
export function storyNames(): readonly string[] {
  return STORIES.map(({ name }) => name);
}

/** Plays the stories to their end; true only if every one ended as it must. Rejects with the signal's reason. */
export async function runDemo({ only, print, width, signal, ...peers }: DemoOptions): Promise<boolean> {
  const startedAt = Date.now();
  const stack = await startStack({
    ...peers,
    policyFile: DEMO_POLICY,
    namespace: NAMESPACE,
    onLine: (line) => {
      const shown = formatLine(line, Date.now() - startedAt, width);
      if (shown !== undefined) print(shown);
    },
  });
  try {
    printStack(stack, print, Date.now() - startedAt);
    const stories = STORIES.filter(({ name }) => only === undefined || name === only);
    const results = await inScene(stack, print, (scene) =>
      Promise.race([playAll(scene, stories, print), aborted(signal)]),
    );
    return report({ stories, results, print, width, tookMs: Date.now() - startedAt });
  } finally {
    await stack.close();
  }
}

/** Opens the scene for as long as the work takes. */
export async function inScene<T>(
  stack: Stack,
  say: (line: string) => void,
  work: (scene: Scene) => Promise<T>,
): Promise<T> {
  const scene = await openScene({ ...stack, say });
  try {
    return await work(scene);
  } finally {
    await scene.close().catch((error: unknown) => {
      say(`The webhook stays in MLflow: ${error instanceof Error ? error.message : String(error)}`);
    });
  }
}

/** Never resolves. */
export function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

export function printStack(stack: Stack, print: (line: string) => void, tookMs: number): void {
  print(`The embedded stack is up after ${(tookMs / 1000).toFixed(1)} s:`);
  for (const [name, address] of Object.entries({
    ...stack.standIns.addresses,
    "Belay (Functions host)": stack.appUrl(),
  }))
    print(`  ${name.padEnd(26)} ${address}`);
  const memory = Math.round(process.memoryUsage().rss / 1024 / 1024);
  print(`  stand-ins in process ${process.pid} (${memory} MiB), Belay in process ${stack.appPid()}`);
  print(
    `  policy: infra/local/delivery.yaml, target ${TARGET}; its manifests have short probe periods, so that a story takes seconds`,
  );
  print("");
}

async function playAll(
  scene: Scene,
  stories: readonly Story[],
  print: (line: string) => void,
): Promise<readonly StoryResult[]> {
  const results: StoryResult[] = [];
  if (stories[0]?.needsStable === true) {
    print("── before the story: a good version goes live");
    await scene.promote("good");
  }
  for (const story of stories) {
    print(`── ${story.name}: ${story.title}`);
    results.push(await play(story, scene));
    print("");
  }
  return results;
}

interface Played {
  stories: readonly Story[];
  results: readonly StoryResult[];
  print: (line: string) => void;
  width: number;
  tookMs: number;
}

/** A story that breaks off is a story that did not end as it must. */
async function play(story: Story, scene: Scene): Promise<StoryResult> {
  try {
    return await story.play(scene);
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    return { checks: [check("the story is played to its end", false, found)], deployments: [] };
  }
}

function report({ stories, results, print, width, tookMs }: Played): boolean {
  for (const [index, story] of stories.entries())
    for (const line of formatChecks(story, results[index] ?? { checks: [], deployments: [] })) print(line);
  print("");
  print(formatDeployments(results, width));
  const bad = results.filter(({ checks }) => checks.some(({ ok }) => !ok)).length;
  print(
    bad === 0
      ? `Every story ended as it must, in ${(tookMs / 1000).toFixed(0)} s.`
      : `${bad} of ${stories.length} stories did not end as they must (${(tookMs / 1000).toFixed(0)} s).`,
  );
  return bad === 0;
}
