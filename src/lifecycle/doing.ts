import type { Plan } from "./plan.ts";

/** What the worker does or waits for right now, in plain words; undefined at rest. */
export function doingOf(plan: Plan): string | undefined {
  const step = plan.steps[0];
  if (!step) {
    const waits = [...plan.waiting].map(([name, { reason }]) => `container ${name} waits: ${reason}`);
    return waits.length > 0 ? waits.join(", ") : undefined;
  }
  switch (step.kind) {
    case "prepare":
      return "preparing directories, cgroup and volumes";
    case "fetch-image":
      return `fetching image ${step.container.image}`;
    case "run-sandbox":
      return "creating the sandbox and its network";
    case "stop-containers":
      return `stopping ${step.stops.map(({ name }) => name).join(", ")}`;
    case "stop-sandbox":
      return "stopping the sandbox and its network";
    case "start-container":
      return `starting container ${step.container.name}`;
    case "remove-container":
    case "remove-sandbox":
      return "removing dead containers";
    case "release":
      return "taking down volumes and cgroup";
    case "finish":
      return "cleaning up";
  }
}
