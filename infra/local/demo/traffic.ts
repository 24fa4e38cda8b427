import { Agent, type RequestOptions, request } from "node:https";
import { KubeConfig } from "@kubernetes/client-node";

/** What became of the requests so far. */
export interface TrafficCount {
  sent: number;
  answered: number;
  failed: number;
  /** The first failure, in words. */
  firstFailure?: string;
}

/** Constant traffic to the model's Service, as clients send it. */
export interface Traffic {
  count(): TrafficCount;
  /** One request: the model's answer. */
  predict(rows: readonly (readonly number[])[]): Promise<string>;
  /** Ends after the requests under way. */
  stop(): Promise<TrafficCount>;
}

const PERIOD_MS = 50;
const LIMIT_MS = 5_000;

/** Sends a prediction every 50 ms through the API server's proxy of the Service. */
export async function startTraffic(kubeconfig: string, namespace: string, service: string): Promise<Traffic> {
  const config = new KubeConfig();
  config.loadFromString(kubeconfig);
  const options: RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  const { ca, headers } = options;
  const agent = new Agent({ keepAlive: true, ...(ca === undefined ? {} : { ca }) });
  const server = config.getCurrentCluster()?.server ?? "";
  const address = new URL(`/api/v1/namespaces/${namespace}/services/${service}:http/proxy/predict`, server);
  const count: TrafficCount = { sent: 0, answered: 0, failed: 0 };
  const underWay = new Set<Promise<void>>();

  const predict = (rows: readonly (readonly number[])[]) =>
    new Promise<string>((resolve, reject) => {
      const sent = request(
        address,
        { method: "POST", agent, headers: { ...headers, "content-type": "application/json" }, timeout: LIMIT_MS },
        (answer) => {
          let body = "";
          answer.setEncoding("utf8").on("data", (chunk: string) => {
            body += chunk;
          });
          answer.on("end", () =>
            answer.statusCode === 200 ? resolve(body) : reject(new Error(`${answer.statusCode} ${body.slice(0, 200)}`)),
          );
          answer.on("error", reject);
        },
      );
      sent.on("timeout", () => sent.destroy(new Error(`no answer within ${LIMIT_MS} ms`)));
      sent.on("error", reject);
      sent.end(JSON.stringify({ instances: rows }));
    });
  const once = async () => {
    count.sent += 1;
    await predict([[3, 1]]).then(
      () => {
        count.answered += 1;
      },
      (error: unknown) => {
        count.failed += 1;
        count.firstFailure ??= error instanceof Error ? error.message : String(error);
      },
    );
  };
  const timer = setInterval(() => {
    const work = once().finally(() => underWay.delete(work));
    underWay.add(work);
  }, PERIOD_MS);
  return {
    count: () => ({ ...count }),
    predict,
    stop: async () => {
      clearInterval(timer);
      await Promise.all(underWay);
      agent.destroy();
      return { ...count };
    },
  };
}
