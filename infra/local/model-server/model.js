import { readFile } from "node:fs/promises";

/** The request is at fault; answered as 400. */
export class BadRequest extends Error {}

/**
 * A loaded model: one row of numbers in, a number or a label out.
 * @typedef {{ features: string[] | undefined, width: number, predictRow: (row: number[]) => number | string }} Model
 */

const NOT_FINITE = /"(?:[^"\\]|\\.)*"|NaN|-?Infinity/g;

/**
 * Reads JSON as Python's json module does: NaN, Infinity and -Infinity are numbers.
 * @param {string} text
 * @returns {unknown}
 */
export function parseJson(text) {
  const marked = text.replace(NOT_FINITE, (token) => (token.startsWith('"') ? token : `"\\u0000${token}"`));
  return JSON.parse(marked, (_key, value) =>
    typeof value === "string" && value.startsWith("\u0000") ? Number(value.slice(1)) : value,
  );
}

/**
 * Writes JSON as Python's json module does: numbers that are not finite appear as NaN, Infinity and -Infinity.
 * @param {unknown} value
 */
export function formatJson(value) {
  const marked = JSON.stringify(value, (_key, item) =>
    typeof item === "number" && !Number.isFinite(item) ? `\u0000${item}` : item,
  );
  return marked.replace(/"\\u0000(NaN|-?Infinity)"/g, "$1");
}

/**
 * Loads the artifact; throws when it is unreadable, of an unknown kind, or when its shapes do not fit.
 * @param {string} path
 * @returns {Promise<Model>}
 */
export async function loadModel(path) {
  const data = asObject(parseJson(await readFile(path, "utf8")), "the model");
  if (data["kind"] !== "linear") throw new Error(`unknown kind of model: ${JSON.stringify(data["kind"])}`);
  const features = data["features"] === undefined ? undefined : asList(data["features"], "features").map(String);
  const model =
    data["labels"] === undefined ? regression(data) : classification(data, asList(data["labels"], "labels"));
  if (features && features.length !== model.width) throw new Error("features and weights differ in length");
  return { features, ...model };
}

/** @param {Record<string, unknown>} data */
function regression(data) {
  const weights = asNumbers(data["weights"], "weights");
  const bias = asNumber(data["bias"] ?? 0, "bias");
  return { width: weights.length, predictRow: (/** @type {number[]} */ row) => score(weights, bias, row) };
}

/**
 * One row of weights and one bias per label; the label with the highest score wins.
 * @param {Record<string, unknown>} data
 * @param {unknown[]} labels
 */
function classification(data, labels) {
  const weights = asList(data["weights"], "weights").map((row) => asNumbers(row, "weights"));
  const bias = data["bias"] === undefined ? labels.map(() => 0) : asNumbers(data["bias"], "bias");
  const width = weights[0]?.length ?? 0;
  if (weights.length !== labels.length || bias.length !== labels.length)
    throw new Error("one row of weights per label");
  if (weights.some((row) => row.length !== width)) throw new Error("rows of weights differ in length");
  const predictRow = (/** @type {number[]} */ row) => {
    const scores = weights.map((line, index) => score(line, bias[index] ?? 0, row));
    const best = Math.max(...scores);
    return Number.isNaN(best) ? Number.NaN : String(labels[scores.indexOf(best)]);
  };
  return { width, predictRow };
}

/**
 * @param {number[]} weights
 * @param {number} bias
 * @param {number[]} row
 */
function score(weights, bias, row) {
  return weights.reduce((sum, weight, index) => sum + weight * (row[index] ?? 0), bias);
}

/**
 * Predicts for the body of a scoring request in any of MLflow's four forms.
 * @param {Model} model
 * @param {unknown} body
 */
export function predict(model, body) {
  return { predictions: rowsOf(body, model.features).map((row) => model.predictRow(checkedRow(row, model.width))) };
}

const FORMS = ["instances", "inputs", "dataframe_split", "dataframe_records"];

/**
 * @param {unknown} body
 * @param {string[] | undefined} features
 * @returns {unknown[]}
 */
function rowsOf(body, features) {
  const data = badRequest(() => asObject(body, "the body"));
  const present = FORMS.filter((form) => data[form] !== undefined);
  const [form] = present;
  if (form === undefined || present.length > 1) {
    throw new BadRequest(`The body must have exactly one of ${FORMS.join(", ")}; it has [${present.join(", ")}].`);
  }
  return badRequest(() =>
    form === "dataframe_split" ? splitRows(data[form], features) : plainRows(data[form], features),
  );
}

/**
 * @param {unknown} value
 * @param {string[] | undefined} features
 */
function splitRows(value, features) {
  const frame = asObject(value, "dataframe_split");
  const columns = asList(frame["columns"], "columns").map(String);
  return asList(frame["data"], "data").map((row) => {
    const cells = asList(row, "a row of data");
    return features ? features.map((name) => cells[columns.indexOf(name)]) : cells;
  });
}

/**
 * @param {unknown} value
 * @param {string[] | undefined} features
 */
function plainRows(value, features) {
  if (!Array.isArray(value)) return columnRows(asObject(value, "the input"), features);
  return value.map((row) =>
    typeof row === "object" && row !== null && !Array.isArray(row) ? named(row, features) : row,
  );
}

/**
 * Columns by name, as in {"inputs": {"x1": [1, 2], "x2": [3, 4]}}.
 * @param {Record<string, unknown>} columns
 * @param {string[] | undefined} features
 */
function columnRows(columns, features) {
  const names = features ?? Object.keys(columns);
  const lists = names.map((name) => asList(columns[name], `column ${name}`));
  return (lists[0] ?? []).map((_cell, index) => lists.map((list) => list[index]));
}

/**
 * @param {Record<string, unknown>} record
 * @param {string[] | undefined} features
 */
function named(record, features) {
  return features ? features.map((name) => record[name]) : Object.values(record);
}

/**
 * @param {unknown} row
 * @param {number} width
 */
function checkedRow(row, width) {
  const cells = badRequest(() => asList(row, "a row"));
  if (cells.length !== width)
    throw new BadRequest(`The model takes ${width} numbers a row; this row has ${cells.length}.`);
  return cells.map((cell, index) => {
    if (typeof cell !== "number") throw new BadRequest(`Number ${index + 1} of a row is missing or no number.`);
    return cell;
  });
}

/**
 * @template T
 * @param {() => T} parse
 */
function badRequest(parse) {
  try {
    return parse();
  } catch (error) {
    throw error instanceof BadRequest ? error : new BadRequest(error instanceof Error ? error.message : String(error));
  }
}

/**
 * @param {unknown} value
 * @param {string} name
 * @returns {Record<string, unknown>}
 */
function asObject(value, name) {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error(`${name} is not an object`);
  return Object.fromEntries(Object.entries(value));
}

/**
 * @param {unknown} value
 * @param {string} name
 * @returns {unknown[]}
 */
function asList(value, name) {
  if (!Array.isArray(value)) throw new Error(`${name} is not a list`);
  return value;
}

/**
 * Numbers that are not finite may also be the strings that JSON of protocol buffers uses.
 * @param {unknown} value
 * @param {string} name
 */
function asNumber(value, name) {
  if (value === "NaN" || value === "Infinity" || value === "-Infinity") return Number(value);
  if (typeof value !== "number") throw new Error(`${name} must be numbers`);
  return value;
}

/**
 * @param {unknown} value
 * @param {string} name
 */
function asNumbers(value, name) {
  return asList(value, name).map((item) => asNumber(item, name));
}
