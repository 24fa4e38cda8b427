import type { JsonObject } from "./json.ts";

/** Status, SQL state and error class that MLflow 3.17.2 answers with each code. */
const CODES = {
  INVALID_PARAMETER_VALUE: { status: 400, sqlstate: "KAM00", error_class: "INVALID_PARAMETER_VALUE" },
  BAD_REQUEST: { status: 400, sqlstate: "KAM00", error_class: "INVALID_PARAMETER_VALUE" },
  RESOURCE_ALREADY_EXISTS: { status: 400, sqlstate: "KAM00", error_class: "RESOURCE_ALREADY_EXISTS" },
  RESOURCE_DOES_NOT_EXIST: { status: 404, sqlstate: "KAM00", error_class: "RESOURCE_NOT_FOUND" },
  INTERNAL_ERROR: { status: 500, sqlstate: "XXM00", error_class: "CLIENT_INTERNAL_ERROR" },
  NOT_IMPLEMENTED: { status: 501, sqlstate: undefined, error_class: undefined },
} as const;

export type ErrorCode = keyof typeof CODES;

/** An error in the shape of MLflow's REST API. */
export class MlflowError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.name = "MlflowError";
    this.code = code;
  }

  get status(): number {
    return CODES[this.code].status;
  }

  /** The body of the answer. */
  toJson(): JsonObject {
    const { sqlstate, error_class } = CODES[this.code];
    return { error_code: this.code, message: this.message, sqlstate, error_class };
  }
}

export const invalid = (message: string): MlflowError => new MlflowError("INVALID_PARAMETER_VALUE", message);
export const notFound = (message: string): MlflowError => new MlflowError("RESOURCE_DOES_NOT_EXIST", message);
export const notImplemented = (message: string): MlflowError => new MlflowError("NOT_IMPLEMENTED", message);
