/** A refusal as the distribution spec words it: a status and one `{ code, message, detail }` (https://github.com/opencontainers/distribution-spec, error codes). */
export class RegistryError extends Error {
  readonly status: number;
  readonly code: string;
  readonly detail: unknown;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    code: string,
    message: string,
    more: { detail?: unknown; headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message);
    this.name = "RegistryError";
    this.status = status;
    this.code = code;
    this.detail = more.detail ?? {};
    this.headers = more.headers ?? {};
  }

  /** The body of the answer. */
  toBody(): string {
    return JSON.stringify({ errors: [{ code: this.code, message: this.message, detail: this.detail }] });
  }
}

/** The answer to everything this stand-in does not do. */
export function notImplemented(what: string): RegistryError {
  return new RegistryError(501, "UNSUPPORTED", `${what} is not implemented by this registry`);
}

/** What ACR answers where a lock forbids the operation, as seen in Azure/acr-cli#70 and azure-sdk-for-net#22827. */
export function disallowed(): RegistryError {
  return new RegistryError(
    405,
    "REGISTRY_DISALLOWED_OPERATION",
    "The operation is disallowed on this registry, repository or image. View troubleshooting steps at https://aka.ms/acr/faq/#why-does-my-pull-or-push-request-fail-with-disallowed-operation",
  );
}
