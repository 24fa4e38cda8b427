import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { parseExposition } from "../../shared/domain/exposition.ts";
import { DEFAULT_TRAFFIC_NAMES, readTraffic, type TrafficNames } from "../../shared/domain/traffic.ts";

/** As the default serving image says it, with fewer bounds. */
const SERVED = `# HELP http_requests_total Requests that were answered.
# TYPE http_requests_total counter
http_requests_total{code="200",method="GET",path="/ready"} 30.0
http_requests_total{code="503",method="GET",path="/ready"} 9.0
http_requests_total{code="200",method="GET",path="/metrics"} 3.0
http_requests_total{code="200",method="POST",path="/predict"} 40.0
http_requests_total{code="503",method="POST",path="/predict"} 2.0
http_requests_total{code="400",method="POST",path="/predict"} 3.0
http_requests_total{code="200",method="POST",path="/invocations"} 5.0
http_requests_total{code="500",method="POST",path="/invocations"} 1.0
http_requests_total{code="405",method="GET",path="/predict"} 7.0
# HELP http_request_duration_seconds From a request to its answer.
# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{le="0.025",method="GET",path="/ready"} 39.0
http_request_duration_seconds_bucket{le="+Inf",method="GET",path="/ready"} 39.0
http_request_duration_seconds_bucket{le="0.025",method="POST",path="/predict"} 40.0
http_request_duration_seconds_bucket{le="0.1",method="POST",path="/predict"} 44.0
http_request_duration_seconds_bucket{le="+Inf",method="POST",path="/predict"} 45.0
http_request_duration_seconds_count{method="POST",path="/predict"} 45.0
http_request_duration_seconds_sum{method="POST",path="/predict"} 40.8
http_request_duration_seconds_bucket{le="0.1",method="POST",path="/invocations"} 6.0
http_request_duration_seconds_bucket{le="0.025",method="POST",path="/invocations"} 1.0
http_request_duration_seconds_bucket{le="+Inf",method="POST",path="/invocations"} 6.0
# TYPE belay_model_info gauge
belay_model_info{model="churn",version="7"} 1.0
`;

function read(text: string, names?: TrafficNames) {
  const parsed = parseExposition(text);
  if (parsed.kind === "refused") throw new Error(parsed.reason);
  return readTraffic(parsed.exposition, names);
}

const latency = {
  buckets: [
    { le: 0.025, count: 41 },
    { le: 0.1, count: 50 },
  ],
  count: 51,
};

describe("what a pod has served", () => {
  it("is its predictions, by either path, without probes and scrapes", () => {
    expect(read(SERVED)).toEqual({
      kind: "traffic",
      traffic: { requests: 51, errors: 3, latency },
      modelVersion: "7",
    });
  });

  it("is read from OpenMetrics the same", () => {
    const open = `${SERVED.replace("TYPE http_requests_total", "TYPE http_requests")}# EOF\n`;
    expect(read(open)).toEqual(read(SERVED));
  });

  it("is read without its types", () => {
    expect(read(SERVED.replaceAll(/^#.*\n/gm, ""))).toEqual(read(SERVED));
  });

  it("counts as errors what the policy says, by whichever label the status has", () => {
    const codes = { ...DEFAULT_TRAFFIC_NAMES, errorCodes: ["400", "50x", "4"] };
    expect(read(SERVED.replaceAll("code=", "status="), codes)).toMatchObject({ traffic: { errors: 6 } });
  });

  it("is all requests where the policy sets no labels", () => {
    const all = { ...DEFAULT_TRAFFIC_NAMES, only: {} };
    expect(read(SERVED, all)).toMatchObject({ traffic: { requests: 100, errors: 12, latency: { count: 90 } } });
  });

  it.each([
    { name: "were probed only", text: SERVED.replaceAll("POST", "PUT") },
    {
      name: "announce their metrics only",
      text: "# TYPE http_requests_total counter\n# TYPE http_request_duration_seconds histogram\n",
    },
    {
      name: "announce them as OpenMetrics does",
      text: "# TYPE http_requests counter\n# TYPE http_request_duration_seconds histogram\n# EOF\n",
    },
  ])("is nothing for pods that $name", ({ text }) => {
    const nothing = { requests: 0, errors: 0, latency: { buckets: [], count: 0 } };
    expect(read(text)).toMatchObject({ kind: "traffic", traffic: nothing });
  });

  it.each([
    { name: "none", text: SERVED.replace("belay_model_info{", "other{") },
    { name: "one that is not served", text: SERVED.replace('version="7"} 1.0', 'version="7"} 0.0') },
    { name: "one without its label", text: SERVED.replace('version="7"', 'v="7"') },
    { name: "two", text: `${SERVED}belay_model_info{model="churn",version="8"} 1.0\n` },
  ])("has no model version where the pod names $name", ({ text }) => {
    expect(read(text)).toEqual({ kind: "traffic", traffic: { requests: 51, errors: 3, latency } });
  });

  const bucket = 'http_request_duration_seconds_bucket{le="0.1",method="POST",path="/predict"} 44.0';
  const many = Array.from({ length: 100 }, (_, at) => bucket.replace("0.1", `${at + 1}`)).join("\n");
  it.each([
    {
      name: "the counter is not there",
      text: SERVED.replaceAll("http_requests_total", "requests"),
      reason: "http_requests_total is not among the metrics",
    },
    {
      name: "the histogram is not there",
      text: SERVED.replaceAll("http_request_duration", "duration"),
      reason: "http_request_duration_seconds_bucket is not among the metrics",
    },
    {
      name: "a line of the counter is malformed",
      text: SERVED.replace('{code="200"', '{code="200'),
      reason: "a line of http_requests_total is malformed",
    },
    {
      name: "a count is not a number",
      text: SERVED.replace("40.0\n", "NaN\n"),
      reason: "http_requests_total is NaN, which counts nothing",
    },
    {
      name: "a count is infinite",
      text: SERVED.replace(bucket, bucket.replace("44.0", "+Inf")),
      reason: "http_request_duration_seconds_bucket is Infinity, which counts nothing",
    },
    {
      name: "a count is negative",
      text: SERVED.replace("40.0\n", "-1\n"),
      reason: "http_requests_total is -1, which counts nothing",
    },
    {
      name: "a counted request has no status",
      text: SERVED.replace('code="200",method="POST"', 'method="POST"'),
      reason: "http_requests_total has no label code or status",
    },
    {
      name: "a bound is no number",
      text: SERVED.replace(bucket, bucket.replace("0.1", "fast")),
      reason: "http_request_duration_seconds_bucket has a bound that is no number",
    },
    {
      name: "a bound is missing",
      text: SERVED.replace(bucket, bucket.replace('le="0.1",', "")),
      reason: "http_request_duration_seconds_bucket has a bound that is no number",
    },
    {
      name: "a bound is below every number",
      text: SERVED.replace(bucket, bucket.replace("0.1", "-Inf")),
      reason: "http_request_duration_seconds_bucket has a bound that is no number",
    },
    {
      name: "the last bound is missing",
      text: SERVED.replaceAll("+Inf", "30"),
      reason: "http_request_duration_seconds_bucket has no bound +Inf",
    },
    {
      name: "there are more bounds than a record should keep",
      text: `${SERVED}${many}\n`,
      reason: "http_request_duration_seconds_bucket has more than 100 bounds",
    },
  ])("cannot be read when $name", ({ text, reason }) => {
    expect(read(text)).toEqual({ kind: "unreadable", reason });
  });

  it("is read by the names and labels that the default serving image has", async () => {
    const server = (file: string) =>
      readFile(new URL(`../../infra/serving/belay_serving/${file}`, import.meta.url), "utf8");
    const metrics = await server("metrics.py");
    const { requests, latency: duration, model } = DEFAULT_TRAFFIC_NAMES;
    expect(metrics).toMatch(new RegExp(`Counter\\(\\s*"${requests}",[^)]*\\["method", "path", "code"\\]`));
    expect(metrics).toMatch(new RegExp(`Histogram\\(\\s*"${duration}",[^)]*\\["method", "path"\\]`));
    expect(metrics).toMatch(new RegExp(`Gauge\\(\\s*"${model.name}",[^)]*"${model.versionLabel}"\\]`));
    const paths = [...(await server("app.py")).matchAll(/"(\/\w+)": \("POST",\)/g)].map(([, path]) => path);
    expect(paths).toEqual(DEFAULT_TRAFFIC_NAMES.only["path"]);
  });
});
