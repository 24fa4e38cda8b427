import type { HttpRequest, HttpResponseInit } from "@azure/functions";
import { type App, parseCommand, TARGET_NAME } from "../shared/composition.ts";
import { inWords } from "./in-words.ts";
import { logged } from "./logged.ts";

/**
 * GET what a target wants, runs and is kept from; what of its release somebody changed (`/targets/<name>/drift`); what a
 * promotion would change (`/targets/<name>/plan`). POST a person's command to it (`/targets/<name>/<command>`).
 */
export function createTargets(app: App) {
  return logged(async (request: HttpRequest): Promise<HttpResponseInit> => {
    app.recordCaller("targets", request.headers, request.query.get("code"));
    const { target = "", command } = request.params;
    if (!TARGET_NAME.test(target))
      return refuse(400, "target: a name of lower-case letters, digits and dashes is expected.");
    if (request.method === "POST") return inWords(() => give(app, target, command ?? "", request));
    if (command === undefined) return inWords(() => read(app, target));
    const look = Object.hasOwn(LOOKS, command) ? LOOKS[command] : undefined;
    if (look !== undefined) return inWords(() => look(app, target));
    return refuse(404, `${command.slice(0, 40)}: only drift and plan are there to GET; commands are POSTed.`);
  });
}

async function read(app: App, target: string): Promise<HttpResponseInit> {
  return tell(target, await app.readTarget(target));
}

/** What is looked at on the cluster, nothing of which is changed. */
const LOOKS: Readonly<Record<string, (app: App, target: string) => Promise<HttpResponseInit>>> = {
  drift: async (app, target) => tell(target, await app.findDrift(target)),
  plan: async (app, target) => tell(target, await app.planTarget(target)),
};

function tell(target: string, found: object | undefined): HttpResponseInit {
  return found === undefined ? noTarget(target) : { jsonBody: found };
}

async function give(app: App, target: string, name: string, request: HttpRequest): Promise<HttpResponseInit> {
  const parsed = parseCommand(name, await request.text());
  if (typeof parsed === "string") return refuse(400, parsed);
  const result = await app.giveCommand(target, parsed);
  if (result === undefined) return noTarget(target);
  // What changed nothing is told apart from what did: whoever is called at night has to see it.
  return { status: result.kind === "done" ? 200 : 409, jsonBody: result };
}

function noTarget(target: string): HttpResponseInit {
  return refuse(404, `The delivery policy has no target ${target}.`);
}

function refuse(status: number, error: string): HttpResponseInit {
  return { status, jsonBody: { error } };
}
