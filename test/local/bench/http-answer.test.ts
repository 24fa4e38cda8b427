import { expect, test } from "vitest";
import { firstAnswer } from "../../../infra/local/bench/http-answer.ts";

const WHOLE = "HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\nDate: now\r\n\r\nok";

test.each([
  { name: "a whole answer", received: WHOLE, expected: { status: 202, length: WHOLE.length } },
  {
    name: "one with the beginning of the next behind it",
    received: `${WHOLE}HTTP/1.1 2`,
    expected: { status: 202, length: WHOLE.length },
  },
  { name: "one whose head is not whole", received: WHOLE.slice(0, 30), expected: undefined },
  { name: "one whose body is not whole", received: WHOLE.slice(0, -1), expected: undefined },
  { name: "nothing yet", received: "", expected: undefined },
])("$name", ({ received, expected }) => {
  expect(firstAnswer(Buffer.from(received))).toEqual(expected);
});

test.each([
  { name: "in chunks", received: "HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n" },
  { name: "of another protocol", received: "RTSP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n" },
])("an answer $name is refused", ({ received }) => {
  expect(() => firstAnswer(Buffer.from(received))).toThrow("cannot be read");
});
