import { expect } from "vitest";
import { z } from "zod";
import { Tally } from "./fuzz.ts";
import type { FuzzRequest } from "./http-request.ts";

const receipt = z.object({ accepted: z.boolean() });

/** What was asked and answered, and what the bus must hold in the end. */
export interface HttpRecord {
  readonly statuses: Tally;
  readonly kinds: Tally;
  take(request: FuzzRequest, answer: { status: number; body: string }): void;
  /** In words: what was answered, how much of it by a 5xx, and what of these lies on the bus without a good signature. */
  describe(held: readonly { id: string }[]): string;
  /** Fails where the bus holds anything else than the promotions that were validly signed and followed. */
  checkBus(held: readonly { id: string; version: string }[]): void;
}

export function createHttpRecord(): HttpRecord {
  const statuses = new Tally();
  const kinds = new Tally();
  const promoted = new Map<string, string>();
  return {
    statuses,
    kinds,
    take: (request, { status, body }) => {
      statuses.add(status);
      kinds.add(request.kind);
      const { kind, method, target, right } = request;
      if (!right.includes(status))
        expect.fail(`${kind}: ${method} ${target.slice(0, 200)} was answered ${status} ${body}`);
      const accepted = status === 202 && receipt.parse(JSON.parse(body)).accepted;
      if (accepted !== (request.promoted !== undefined)) expect.fail(`${kind}: was answered ${status} ${body}`);
      if (request.promoted !== undefined) promoted.set(request.promoted.id, request.promoted.version);
    },
    describe: (held) => {
      const failures = statuses.names().filter((status) => Number(status) >= 500);
      const unsigned = held.filter(({ id }) => !promoted.has(id));
      return (
        `${statuses}; ${failures.reduce((sum, status) => sum + statuses.of(status), 0)} of 5xx; ` +
        `${held.length} messages, ${unsigned.length} without a good signature`
      );
    },
    checkBus: (held) => {
      const found = new Map(held.map(({ id, version }) => [id, version]));
      expect(held).toHaveLength(found.size);
      expect([...found.keys()].filter((id) => !promoted.has(id))).toEqual([]);
      expect([...promoted.keys()].filter((id) => !found.has(id))).toEqual([]);
      for (const [id, version] of promoted) expect(found.get(id)).toBe(version);
    },
  };
}
