import type { TokenCredential } from "@azure/identity";

export interface CredentialSettings {
  /** AZURE_CLIENT_ID: the user-assigned identity to use; without it the SDK's own search decides. */
  clientId?: string | undefined;
}

/** The app's identity; the SDK is loaded with the first token that is asked for. Make one and share it: it keeps its tokens. */
export function createCredential({ clientId }: CredentialSettings): TokenCredential {
  let opened: Promise<TokenCredential> | undefined;
  const open = async (): Promise<TokenCredential> => {
    const { DefaultAzureCredential, ManagedIdentityCredential } = await import("@azure/identity");
    return clientId === undefined ? new DefaultAzureCredential() : new ManagedIdentityCredential({ clientId });
  };
  return {
    getToken: async (scopes, options) => {
      opened ??= open();
      return (await opened).getToken(scopes, options);
    },
  };
}
