import { DefaultAzureCredential, ManagedIdentityCredential } from "@azure/identity";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { createIdentityEndpoint } from "../../../infra/local/identity/create-identity-endpoint.ts";

const ARM = "https://management.azure.com";
const VAULT = "https://vault.azure.net";
const AKS = "6dae42f8-4368-4678-94ff-3960e28e3630";

// One endpoint for the whole file: MSAL keeps the first endpoint it finds, and every token, as long as the process lives.
let time = Date.now();
const endpoint = createIdentityEndpoint({ now: () => new Date(time) });
let url = "";

beforeAll(async () => {
  url = await endpoint.listen();
  for (const [name, value] of Object.entries(endpoint.environment())) vi.stubEnv(name, value);
});

afterAll(async () => {
  vi.unstubAllEnvs();
  await endpoint.close();
});

/** A plain request with the right header unless another is given. */
async function ask(
  query: string,
  init: RequestInit & { path?: string } = {},
): Promise<{ status: number; body: unknown }> {
  const headers = { "x-identity-header": endpoint.environment().IDENTITY_HEADER };
  const answer = await fetch(`${init.path ?? url}?${query}`, { headers, ...init });
  return { status: answer.status, body: await answer.json() };
}

describe("the managed identity endpoint", () => {
  it("gives the unmodified ManagedIdentityCredential a token for an hour, for the resource it asked for", async () => {
    const token = await new ManagedIdentityCredential().getToken(`${ARM}/.default`);

    expect(Math.abs(token.expiresOnTimestamp - time - 3_600_000)).toBeLessThan(2_000);
    expect(endpoint.isIssued(token.token, ARM)).toBe(true);
    expect(endpoint.isIssued(token.token, `${ARM}/`)).toBe(true);
    expect(endpoint.isIssued(token.token, AKS)).toBe(false);
    expect(endpoint.isIssued(token.token)).toBe(true);
  });

  it("gives a user-assigned identity a token too", async () => {
    const credential = new ManagedIdentityCredential({ clientId: "11111111-2222-3333-4444-555555555555" });
    const { token } = await credential.getToken(`${AKS}/.default`);
    expect(endpoint.isIssued(token, AKS)).toBe(true);
  });

  it("is found by DefaultAzureCredential", async () => {
    const { token } = await new DefaultAzureCredential().getToken(`${VAULT}/.default`);
    expect(endpoint.isIssued(token, VAULT)).toBe(true);
  });

  it("answers with the fields App Service documents", async () => {
    const { status, body } = await ask(`api-version=2019-08-01&resource=${ARM}&client_id=one`);
    expect(status).toBe(200);
    expect(body).toEqual({
      access_token: expect.stringMatching(/^[\w-]{43}$/),
      client_id: "one",
      expires_on: String(Math.floor((time + 3_600_000) / 1000)),
      resource: ARM,
      token_type: "Bearer",
    });
  });

  it("forgets a token after an hour", () => {
    const token = endpoint.issue(ARM);
    time += 3_599_000;
    expect(endpoint.isIssued(token, ARM)).toBe(true);
    time += 1_000;
    expect(endpoint.isIssued(token, ARM)).toBe(false);
  });

  it("does not know a token it did not give out", () => {
    expect(endpoint.isIssued("")).toBe(false);
    expect(endpoint.isIssued("guess")).toBe(false);
  });

  it.each<[string, string, RequestInit & { path?: string }, number]>([
    ["a wrong header", `api-version=2019-08-01&resource=${ARM}`, { headers: { "x-identity-header": "guess" } }, 401],
    ["no header", `api-version=2019-08-01&resource=${ARM}`, { headers: {} }, 401],
    ["an older version", `api-version=2017-09-01&resource=${ARM}`, {}, 400],
    ["no version", `resource=${ARM}`, {}, 400],
    ["no resource", "api-version=2019-08-01", {}, 400],
    ["an object id", `api-version=2019-08-01&resource=${ARM}&object_id=one`, {}, 501],
    ["POST", `api-version=2019-08-01&resource=${ARM}`, { method: "POST" }, 501],
  ])("refuses %s", async (_name, query, init, status) => {
    const answer = await ask(query, init);
    expect(answer).toMatchObject({ status, body: { statusCode: status, message: expect.any(String) } });
  });

  it("answers 501 to any other path", async () => {
    const answer = await ask("api-version=2019-08-01", { path: new URL("/metadata/identity", url).href });
    expect(answer.status).toBe(501);
  });

  it("has no environment before it listens, and closes twice without harm", async () => {
    const silent = createIdentityEndpoint();
    expect(() => silent.environment()).toThrow(/does not listen/);
    await silent.close();
    await silent.close();
  });
});
