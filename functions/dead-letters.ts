import type { HttpRequest, HttpResponseInit } from "@azure/functions";
import { type App, type DeadLetterOffice, parseDiscard, parseReplay } from "../shared/composition.ts";
import { MAX_LETTERS } from "../shared/domain/dead-letter.ts";
import { inWords } from "./in-words.ts";
import { logged } from "./logged.ts";

/** GET what is set aside, by cause, with what replaying each would do (`?limit=…`). */
export function createDeadLetterList(app: App) {
  return logged(async (request: HttpRequest): Promise<HttpResponseInit> => {
    app.recordCaller("dead-letters", request.headers, request.query.get("code"));
    const text = request.query.get("limit");
    const limit = readLimit(text);
    if (limit === undefined)
      return refuse(
        400,
        `limit: ${JSON.stringify(text?.slice(0, 60))} was found; say a whole number from 1 to ${MAX_LETTERS}.`,
      );
    return answer(app, async (office) => ({ jsonBody: await office.list(limit) }));
  });
}

/** POST `{ "all": true }` or the place, queue and sequence number of one, with `by` and perhaps `dryRun`. */
export function createDeadLetterReplay(app: App) {
  return logged(async (request: HttpRequest): Promise<HttpResponseInit> => {
    app.recordCaller("dead-letters/replay", request.headers, request.query.get("code"));
    const asked = parseReplay(await request.text());
    if (typeof asked === "string") return refuse(400, asked);
    return answer(app, (office) => (asked.dryRun ? lookOnly(office, asked) : replay(office, asked)));
  });
}

async function replay(office: DeadLetterOffice, { what, by }: ReplayRequest): Promise<HttpResponseInit> {
  return what === "all" ? { jsonBody: await office.replayAll(by) } : tell(await office.replay(what, by));
}

async function lookOnly(office: DeadLetterOffice, { what }: ReplayRequest): Promise<HttpResponseInit> {
  if (what === "all") return { jsonBody: await office.list(MAX_LETTERS) };
  const list = await office.list(MAX_LETTERS, what);
  return { status: list.count === 0 ? 404 : 200, jsonBody: list };
}

/** POST the place, queue and sequence number of one that is of no use, with `by`. */
export function createDeadLetterDiscard(app: App) {
  return logged(async (request: HttpRequest): Promise<HttpResponseInit> => {
    app.recordCaller("dead-letters/discard", request.headers, request.query.get("code"));
    const asked = parseDiscard(await request.text());
    if (typeof asked === "string") return refuse(400, asked);
    return answer(app, async (office) => tell(await office.discard(asked.what, asked.by)));
  });
}

type ReplayRequest = Exclude<ReturnType<typeof parseReplay>, string>;
type LetterResult = Awaited<ReturnType<DeadLetterOffice["replay"]>>;

const STATUS: Readonly<Record<LetterResult["result"], number>> = {
  replayed: 200,
  discarded: 200,
  kept: 409,
  gone: 404,
  failed: 503,
};

function tell(result: LetterResult): HttpResponseInit {
  return { status: STATUS[result.result], jsonBody: result };
}

function answer(app: App, work: (office: DeadLetterOffice) => Promise<HttpResponseInit>): Promise<HttpResponseInit> {
  return inWords(async () => work(await app.deadLetterOffice()));
}

function refuse(status: number, error: string): HttpResponseInit {
  return { status, jsonBody: { error } };
}

function readLimit(text: string | null): number | undefined {
  if (text === null) return 20;
  const limit = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  return limit >= 1 && limit <= MAX_LETTERS ? limit : undefined;
}
