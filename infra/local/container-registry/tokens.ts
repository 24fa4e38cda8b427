import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { RegistryError } from "./errors.ts";
import { answerJson, type Exchange, readBody } from "./exchange.ts";

const REFRESH_SECONDS = 3 * 60 * 60;
const ACCESS_SECONDS = 75 * 60;
const FORM_LIMIT_BYTES = 64 * 1024;

const claimsSchema = z.object({
  aud: z.string(),
  exp: z.number(),
  grant: z.enum(["refresh_token", "access_token"]),
  scopes: z.array(z.string()),
});
type Claims = z.infer<typeof claimsSchema>;

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function unauthorized(message: string): RegistryError {
  return new RegistryError(401, "UNAUTHORIZED", message);
}

/**
 * The way to a token of ACR: an Entra token for a refresh token, a refresh token for an access token of one scope
 * (https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md). Whoever has a refresh token gets every scope.
 */
export function createTokens(options: {
  acceptAadToken: (token: string) => boolean;
  now: () => Date;
  service: () => string;
  url: () => string;
}) {
  const key = randomBytes(32);
  const nowSeconds = () => Math.floor(options.now().getTime() / 1000);

  function signatureOf(text: string): string {
    return createHmac("sha256", key).update(text).digest("base64url");
  }

  function issue(grant: Claims["grant"], scopes: string[], seconds: number): string {
    const claims: Claims = { aud: options.service(), exp: nowSeconds() + seconds, grant, scopes };
    const text = `${encode({ alg: "HS256", typ: "JWT" })}.${encode(claims)}`;
    return `${text}.${signatureOf(text)}`;
  }

  function read(grant: Claims["grant"], token: string): Claims | undefined {
    const [header = "", payload = "", signature = ""] = token.split(".");
    const expected = Buffer.from(signatureOf(`${header}.${payload}`));
    const given = Buffer.from(signature);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
    const claims = claimsSchema.parse(JSON.parse(Buffer.from(payload, "base64url").toString("utf8")));
    return claims.grant === grant && claims.exp > nowSeconds() ? claims : undefined;
  }

  async function readForm(exchange: Exchange, grantType: string): Promise<URLSearchParams> {
    if (exchange.method !== "POST") throw new RegistryError(405, "UNSUPPORTED", "the operation is unsupported");
    const form = new URLSearchParams((await readBody(exchange, FORM_LIMIT_BYTES)).toString("utf8"));
    if (form.get("grant_type") !== grantType) {
      throw new RegistryError(501, "UNSUPPORTED", `only grant_type=${grantType} is implemented by this registry`);
    }
    if (form.get("service") !== options.service()) throw unauthorized("the service is not this registry");
    return form;
  }

  return {
    /** Answers `POST /oauth2/exchange`. */
    async answerExchange(exchange: Exchange): Promise<void> {
      const form = await readForm(exchange, "access_token");
      const token = form.get("access_token") ?? "";
      if (token === "" || !options.acceptAadToken(token)) throw unauthorized("the Entra token is not accepted");
      answerJson(exchange, 200, { refresh_token: issue("refresh_token", [], REFRESH_SECONDS) });
    },

    /** Answers `POST /oauth2/token`. */
    async answerToken(exchange: Exchange): Promise<void> {
      const form = await readForm(exchange, "refresh_token");
      if (!read("refresh_token", form.get("refresh_token") ?? "")) throw unauthorized("the refresh token is not valid");
      const scopes = form.getAll("scope").flatMap((scope) => scope.split(" "));
      answerJson(exchange, 200, { access_token: issue("access_token", scopes, ACCESS_SECONDS) });
    },

    /** Throws the challenge unless the request bears a token for this action on this repository. */
    authorize(exchange: Exchange, name: string, action: "metadata_read" | "metadata_write"): void {
      const token = /^Bearer (.+)$/i.exec(exchange.request.headers.authorization ?? "")?.[1] ?? "";
      const granted = read("access_token", token)?.scopes.some((scope) => {
        const [type, repository, actions = ""] = scope.split(":");
        return type === "repository" && repository === name && actions.split(",").includes(action);
      });
      if (granted) return;
      const scope = `repository:${name}:${action}`;
      throw new RegistryError(
        401,
        "UNAUTHORIZED",
        "authentication required, visit https://aka.ms/acr/authorization for more information.",
        {
          detail: [{ Type: "repository", Name: name, Action: action }],
          headers: {
            "www-authenticate": `Bearer realm="${options.url()}/oauth2/token",service="${options.service()}",scope="${scope}",error="invalid_token"`,
          },
        },
      );
    },
  };
}

export type Tokens = ReturnType<typeof createTokens>;
