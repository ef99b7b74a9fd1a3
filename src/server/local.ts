import type { LocalAnswers, NodeView } from "../node/index.ts";
import type { HttpReply } from "../ports/http-server.ts";
import { json, text } from "./reply.ts";

/** What `/local/…` answers to the verbs. */
export function localReply([what, ...rest]: readonly string[], query: URLSearchParams, view: NodeView): HttpReply {
  const answers: { readonly [Name in keyof LocalAnswers]: () => LocalAnswers[Name] } = {
    node: () => ({
      nodeName: view.nodeName,
      health: view.healthChecks.map(({ name, problem }) => ({ name, problem: problem() })),
    }),
    events: () => view.events(query.get("uid") ?? undefined),
    timeline: () => view.timeline(query.get("uid") ?? ""),
    rejected: () => view.rejectedManifests(),
    config: () => ({ options: view.effectiveConfig(), versioned: view.config() }),
  };
  const known = Object.hasOwn(answers, what ?? "") && rest.length === 0;
  return known ? json(200, answers[what as keyof LocalAnswers]()) : text(404, "404: Page Not Found");
}
