import assert from "node:assert/strict";
import { test } from "node:test";
import { createClock } from "../linux/clock.ts";
import type { Session } from "./session.ts";
import { Sessions } from "./sessions.ts";

const IDENTITY = { endpoint: { server: "https://server" }, cert: undefined, key: undefined };

/** What the peer may do with a connection. */
class FakeSession implements Session {
  isOver = false;
  isClosed = false;
  destroyed = 0;

  get isFree(): boolean {
    return !this.isOver;
  }
  send = () => assert.fail("nothing is sent");
  retire(): void {
    this.isOver = true;
  }
  probe(): void {}
  destroy(): void {
    this.destroyed++;
  }
}

test("connections that the peer ended are held while something goes on over them, and no longer", async () => {
  const opened: FakeSession[] = [];
  const open = async () => opened[opened.push(new FakeSession()) - 1] ?? assert.fail();
  const sessions = new Sessions(open, createClock());
  const { signal } = new AbortController();
  for (let goaway = 0; goaway < 100; goaway++) {
    const session = await sessions.take(IDENTITY, signal);
    assert.equal(session, opened.at(-1));
    // Its watches go on, until the next but one has ended too.
    session.retire();
    const ended = opened.at(-3);
    if (ended) ended.isClosed = true;
  }
  assert.equal(sessions.count, 2);
  sessions.close();
  assert.deepEqual(
    opened.flatMap(({ destroyed }, place) => (destroyed > 0 ? [place] : [])),
    [97, 98, 99],
  );
});
