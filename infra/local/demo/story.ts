import type { DemoDeployment } from "./deployments-client.ts";
import type { Scene } from "./scene.ts";

/** One thing a story must have shown. */
export interface Check {
  what: string;
  ok: boolean;
  /** What was found. */
  found: string;
}

/** What a story came to. */
export interface StoryResult {
  checks: readonly Check[];
  /** The deployments it made, for the closing table. */
  deployments: readonly DemoDeployment[];
}

export interface Story {
  /** For `npm run demo -- NAME`. */
  name: string;
  /** One sentence. */
  title: string;
  /** Whether a good version must be live before it begins. */
  needsStable: boolean;
  play(scene: Scene): Promise<StoryResult>;
}

export function check(what: string, ok: boolean, found: string): Check {
  return { what, ok, found };
}

/** A release by what it is told apart by, short enough for a line. */
export function describeImage(image: string | undefined): string {
  return image === undefined ? "nothing" : `${image.slice(image.indexOf("@") + 1).slice(0, 19)}…`;
}

/** The deployment ended so, and for that reason. */
export function endedAs(deployment: DemoDeployment, phase: string, ...codes: readonly string[]): Check {
  const ok = deployment.phase === phase && (codes.length === 0 || codes.includes(deployment.code ?? ""));
  const expected = codes.length === 0 ? phase : `${phase} (${codes.join(" or ")})`;
  const code = deployment.code === undefined ? "" : ` (${deployment.code})`;
  const found = ok ? `in ${deployment.durationSeconds ?? "?"} s` : `${deployment.phase}${code}`;
  return check(`version ${deployment.version} ends ${expected}`, ok, found);
}
