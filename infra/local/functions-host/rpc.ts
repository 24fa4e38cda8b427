/** One value between host and worker; exactly one member is set (TypedData of azure-functions-language-worker-protobuf). */
export interface TypedData {
  readonly string?: string;
  readonly json?: string;
  readonly bytes?: Uint8Array;
  readonly int?: number;
  readonly http?: HttpRequestData;
}

export interface HttpRequestData {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly params: Readonly<Record<string, string>>;
  readonly body?: TypedData;
}

/** What a trigger hands to a function: the trigger's own value, and what is known about it under PascalCase names. */
export interface InvocationInput {
  readonly data: TypedData;
  readonly triggerMetadata?: Readonly<Record<string, TypedData>>;
  /** W3C `traceparent` of whoever caused the invocation. */
  readonly traceParent?: string | undefined;
}
