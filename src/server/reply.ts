import type { HttpReply } from "../ports/http-server.ts";

export const text = (status: number, body: string, headers: HttpReply["headers"] = {}): HttpReply => ({
  status,
  headers: { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff", ...headers },
  body,
});

export const json = (status: number, value: unknown): HttpReply => ({
  status,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(value),
});
