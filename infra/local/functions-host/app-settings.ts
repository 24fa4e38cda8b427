export type Environment = Readonly<Record<string, string | undefined>>;

/** Replaces every `%NAME%` by that setting; throws when one is missing or empty. */
export function expandSettings(text: string, environment: Environment): string {
  return text.replace(/%([^%]+)%/g, (_, name: string) => {
    const value = environment[name];
    if (!value) throw new Error(`Setting "${name}" is missing; it is named in "${text}"`);
    return value;
  });
}

/** How to reach one Service Bus namespace. */
export type ServiceBusConnection =
  | { readonly kind: "connection string"; readonly connectionString: string }
  | { readonly kind: "identity"; readonly fullyQualifiedNamespace: string; readonly clientId: string | undefined };

/** Reads the setting `<name>`, else `<name>__fullyQualifiedNamespace` with `<name>__clientId`; throws when neither is set. */
export function resolveServiceBusConnection(name: string, environment: Environment): ServiceBusConnection {
  const connectionString = environment[name];
  if (connectionString) return { kind: "connection string", connectionString };
  const fullyQualifiedNamespace = environment[`${name}__fullyQualifiedNamespace`];
  if (fullyQualifiedNamespace) {
    return { kind: "identity", fullyQualifiedNamespace, clientId: environment[`${name}__clientId`] || undefined };
  }
  throw new Error(`Setting "${name}" is missing, and so is "${name}__fullyQualifiedNamespace"`);
}
