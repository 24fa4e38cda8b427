import type { Strategy } from "./strategy.ts";

/** One stage: Kubernetes replaces the pods within surge and unavailable, then everything is checked. */
export const rolling: Strategy = () => [{ name: "all pods" }];
