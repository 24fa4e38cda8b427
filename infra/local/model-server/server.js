import { createServer } from "node:http";
import { BadRequest, formatJson, loadModel, parseJson, predict } from "./model.js";

const MAX_BODY_BYTES = 1024 * 1024;
const BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
const DRAIN_MS = Number(process.env["DRAIN_MS"] ?? 250);

/** @type {import("./model.js").Model | undefined} */
let model;
let stopping = false;

/** @type {Map<string, number>} */
const requests = new Map();
/** @type {Map<string, { buckets: number[], sum: number, count: number }>} */
const durations = new Map();
let errors = 0;

/** @typedef {{ status: number, body: string, type?: string }} Answer */

/** @type {Record<string, { method: string, answer: (request: import("node:http").IncomingMessage) => Answer | Promise<Answer> }>} */
const ROUTES = {
  "/health": { method: "GET", answer: () => ({ status: 200, body: formatJson({ status: "ok" }) }) },
  "/ping": { method: "GET", answer: ready },
  "/ready": { method: "GET", answer: ready },
  "/metrics": { method: "GET", answer: () => ({ status: 200, body: metrics(), type: "text/plain; version=0.0.4" }) },
  "/predict": { method: "POST", answer: score },
  "/invocations": { method: "POST", answer: score },
};

/** @returns {Answer} */
function ready() {
  if (stopping) return problem(503, "UNAVAILABLE", "The server is shutting down.");
  if (!model) return problem(503, "UNAVAILABLE", "The model is not loaded yet.");
  return { status: 200, body: formatJson({ status: "ready" }) };
}

/**
 * @param {import("node:http").IncomingMessage} request
 * @returns {Promise<Answer>}
 */
async function score(request) {
  if (!model) return problem(503, "UNAVAILABLE", "The model is not loaded yet.");
  // A client that names no type, such as kubectl, most likely sends JSON; the reader says so if not.
  const type = request.headers["content-type"]?.split(";")[0]?.trim();
  if (type !== undefined && type !== "application/json") {
    request.resume();
    return problem(415, "UNSUPPORTED_MEDIA_TYPE", "The body must be application/json.");
  }
  const text = await readBody(request);
  if (text === undefined) return problem(413, "PAYLOAD_TOO_LARGE", "The body is larger than 1 MiB.");
  try {
    return { status: 200, body: formatJson(predict(model, parseJson(text))) };
  } catch (error) {
    if (error instanceof BadRequest || error instanceof SyntaxError) return problem(400, "BAD_REQUEST", error.message);
    throw error;
  }
}

/**
 * The whole body, or undefined when it is too large; what is too much is read and dropped, so that the client sees the answer.
 * @param {import("node:http").IncomingMessage} request
 */
async function readBody(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  return size > MAX_BODY_BYTES ? undefined : Buffer.concat(chunks).toString("utf8");
}

/**
 * @param {number} status
 * @param {string} code
 * @param {string} message
 * @returns {Answer}
 */
function problem(status, code, message) {
  return { status, body: formatJson({ error_code: code, message }) };
}

/**
 * @param {import("node:http").IncomingMessage} request
 * @param {string} path
 * @returns {Promise<Answer>}
 */
async function answer(request, path) {
  const route = Object.hasOwn(ROUTES, path) ? ROUTES[path] : undefined;
  if (!route) return problem(404, "NOT_FOUND", `There is nothing at ${path}.`);
  const method = request.method === "HEAD" ? "GET" : request.method;
  if (method !== route.method) return problem(405, "METHOD_NOT_ALLOWED", `${path} takes ${route.method}.`);
  try {
    return await route.answer(request);
  } catch (error) {
    process.stderr.write(`error ${path}: ${error instanceof Error ? error.stack : error}\n`);
    return problem(500, "INTERNAL_ERROR", "The prediction failed; the log says why.");
  }
}

/**
 * @param {string} path
 * @param {number} status
 * @param {number} seconds
 */
function measure(path, status, seconds) {
  const handler = Object.hasOwn(ROUTES, path) ? path : "other";
  const labels = `handler="${handler}",status="${status}"`;
  requests.set(labels, (requests.get(labels) ?? 0) + 1);
  if (status >= 400) errors += 1;
  const duration = durations.get(handler) ?? { buckets: BUCKETS_SECONDS.map(() => 0), sum: 0, count: 0 };
  duration.buckets = duration.buckets.map((count, index) => count + (seconds <= (BUCKETS_SECONDS[index] ?? 0) ? 1 : 0));
  durations.set(handler, { ...duration, sum: duration.sum + seconds, count: duration.count + 1 });
}

function metrics() {
  const lines = ["# HELP http_requests_total Requests answered.", "# TYPE http_requests_total counter"];
  for (const [labels, count] of requests) lines.push(`http_requests_total{${labels}} ${count}`);
  lines.push("# HELP http_request_errors_total Requests answered with 400 or above.");
  lines.push("# TYPE http_request_errors_total counter", `http_request_errors_total ${errors}`);
  lines.push("# HELP http_request_duration_seconds Time from request to answer.");
  lines.push("# TYPE http_request_duration_seconds histogram");
  for (const [handler, { buckets, sum, count }] of durations) {
    const name = (/** @type {string} */ le) => `http_request_duration_seconds_bucket{handler="${handler}",le="${le}"}`;
    BUCKETS_SECONDS.forEach((bound, index) => {
      lines.push(`${name(String(bound))} ${buckets[index]}`);
    });
    lines.push(`${name("+Inf")} ${count}`, `http_request_duration_seconds_sum{handler="${handler}"} ${sum}`);
    lines.push(`http_request_duration_seconds_count{handler="${handler}"} ${count}`);
  }
  return `${lines.join("\n")}\n`;
}

const server = createServer(async (request, response) => {
  const started = performance.now();
  const path = new URL(request.url ?? "/", "http://server").pathname;
  const { status, body, type } = await answer(request, path);
  measure(path, status, (performance.now() - started) / 1000);
  response.writeHead(status, {
    "Content-Type": type ?? "application/json",
    "Content-Length": Buffer.byteLength(body),
    ...(stopping || status === 413 ? { Connection: "close" } : {}),
  });
  response.end(body);
});

/** Readiness fails first, so that traffic is sent elsewhere; then the listener closes and what is in flight is answered. */
function stop() {
  if (stopping) return;
  stopping = true;
  setTimeout(() => server.close(), DRAIN_MS);
}

process.on("SIGTERM", stop);
process.on("SIGINT", stop);
server.listen(Number(process.env["PORT"] ?? 8080), process.env["HOST"] ?? "0.0.0.0", () => {
  const address = server.address();
  process.stdout.write(
    `listening on ${typeof address === "object" ? `${address?.address}:${address?.port}` : address}\n`,
  );
});

try {
  model = await loadModel("model/model.json");
  process.stdout.write(`model loaded: ${model.width} inputs\n`);
} catch (error) {
  process.stderr.write(`cannot load model/model.json: ${error instanceof Error ? error.message : error}\n`);
  process.exit(1);
}
