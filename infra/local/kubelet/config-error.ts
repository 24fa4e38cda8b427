/** The container cannot be made as the manifest says: it waits with the reason CreateContainerConfigError and is tried again. */
export class ConfigError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ConfigError";
  }
}
