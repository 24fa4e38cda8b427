import { readFile } from "node:fs/promises";
import type { KubeConfig } from "@kubernetes/client-node";
import { PermanentError } from "../../domain/errors.ts";
import { createKubeHttp, type KubeHttp } from "./kube-http.ts";

/** Reaches a context of the kubeconfig file; undefined: its current one. */
export type KubeconfigAccess = (context: string | undefined) => Promise<KubeHttp>;

/** Reads the file at every call, so that a changed one is seen, and keeps what it opened while the file stays the same. */
export function createKubeconfigAccess(path: string | undefined): KubeconfigAccess {
  const opened = new Map<string, { content: string; http: KubeHttp }>();
  return async (context) => {
    if (path === undefined)
      throw new PermanentError(
        "configuration-wrong",
        "The policy names a kubeconfig cluster, but KUBECONFIG is not set.",
      );
    const content = await readFile(path, "utf8").catch((error: unknown) => {
      throw new PermanentError(
        "configuration-wrong",
        `The file that KUBECONFIG names cannot be read: ${codeOf(error)}.`,
      );
    });
    const key = context ?? "";
    const known = opened.get(key);
    if (known?.content === content) return known.http;
    const http = createKubeHttp(await load(path, context));
    opened.set(key, { content, http });
    return http;
  };
}

/** Paths in the file are relative to it, so the client reads it by itself. */
async function load(path: string, context: string | undefined): Promise<KubeConfig> {
  const { KubeConfig } = await import("@kubernetes/client-node");
  const config = new KubeConfig();
  try {
    config.loadFromFile(path);
  } catch (error) {
    // The parser's text repeats lines of the file, which holds secrets.
    throw new PermanentError(
      "configuration-wrong",
      `The file that KUBECONFIG names is not a kubeconfig: ${error instanceof Error ? error.name : "unknown"}.`,
    );
  }
  if (context === undefined) return config;
  if (config.getContextObject(context) === null)
    throw new PermanentError(
      "configuration-wrong",
      `The kubeconfig has no context "${context}", which the policy names.`,
    );
  config.setCurrentContext(context);
  return config;
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown";
}
