import { execFile } from "node:child_process";
import { join } from "node:path";

/** What kubectl printed, and how it ended. */
export interface Printed {
  code: number;
  out: string;
  error: string;
}

const KUBECTL_MS = 60_000;

/** The kubectl in the binary, of the same version as the servers; `home` is a folder for its cache. */
export function createKubectl(binary: string, home: string, kubeconfigFile: string) {
  // Nothing of the caller's environment: no proxies, no cache, no other cluster.
  const env = { HOME: home, KUBECACHEDIR: join(home, "kubectl-cache"), KUBECONFIG: kubeconfigFile };
  return (...parameters: readonly string[]): Promise<Printed> =>
    new Promise((resolve, reject) => {
      execFile(binary, ["kubectl", ...parameters], { env, timeout: KUBECTL_MS }, (error, out, text) => {
        const code = error === null ? 0 : error.code;
        if (typeof code === "number") resolve({ code, out, error: text });
        else reject(error);
      });
    });
}
