import * as z from "zod";
import { COMMANDS, type Command, type CommandName } from "../domain/command.ts";

const body = z.strictObject({
  by: z.string().trim().min(1).max(100),
  reason: z.string().trim().max(300).exactOptional(),
});
/** Longest body that is read. */
const MAX_BODY = 4_096;

/** A command as it was sent, or what is wrong with it in words. */
export function parseCommand(name: string, text: string): Command | string {
  if (!isCommand(name)) return `command: one of ${COMMANDS.join(", ")} is expected.`;
  if (text.length > MAX_BODY) return `The body is longer than ${MAX_BODY} characters.`;
  const parsed = body.safeParse(parseJson(text));
  if (parsed.success) return { name, ...parsed.data };
  const path = parsed.error.issues[0]?.path.join(".") ?? "";
  const where = path === "" ? "The body" : path;
  return `${where}: a JSON object {"by": who you are, 1 to 100 characters, "reason": why, at most 300} is expected.`;
}

function isCommand(name: string): name is CommandName {
  return COMMANDS.some((one) => one === name);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
