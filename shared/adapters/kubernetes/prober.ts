import type { ProbeAnswer } from "../../domain/verification.ts";
import type { Prober } from "../../ports/cluster.ts";
import { readStatus } from "./classify.ts";
import type { KubeHttp, KubeRequest } from "./kube-http.ts";

/** Bytes of an answer that are read. */
const MAX_BYTES = 1024 * 1024;

/** Probes through the API server's pod and service proxies; needs no network path to the pods. Never throws. */
export function createProber(http: KubeHttp, namespace: string): Prober {
  const base = `/api/v1/namespaces/${encodeURIComponent(namespace)}`;
  return {
    getPod: (pod, port, path, timeoutSeconds, signal) =>
      probe(http, {
        method: "GET",
        path: `${base}/pods/${encodeURIComponent(pod)}:${port}/proxy${path}`,
        signal,
        timeoutMs: timeoutSeconds * 1000,
        maxBytes: MAX_BYTES,
      }),
    postService: (service, path, body, timeoutSeconds, signal) =>
      probe(http, {
        method: "POST",
        path: `${base}/services/${encodeURIComponent(service.name)}:${encodeURIComponent(service.port)}/proxy${path}`,
        contentType: "application/json",
        body: JSON.stringify(body),
        signal,
        timeoutMs: timeoutSeconds * 1000,
        maxBytes: MAX_BYTES,
      }),
  };
}

async function probe(http: KubeHttp, request: KubeRequest): Promise<ProbeAnswer> {
  const started = performance.now();
  const passed = () => Math.round(performance.now() - started);
  try {
    const { status, body } = await http(request);
    // The API server's own errors say that the pod was not reached; they are no answer of the model's.
    const own = status >= 400 ? readStatus(body) : undefined;
    if (own !== undefined)
      return { kind: "no-answer", reason: `was not reached: ${own.message.slice(0, 200)}`, latencyMs: passed() };
    return { kind: "answer", status, body, latencyMs: passed() };
  } catch (error) {
    return { kind: "no-answer", reason: error instanceof Error ? error.message : "no answer", latencyMs: passed() };
  }
}
