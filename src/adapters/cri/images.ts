import type { Millis } from "../../base/units.ts";
import type { Images } from "../../ports/runtime.ts";
import { badAnswer, goneIsFine } from "./errors.ts";
import * as from from "./from-cri.ts";
import * as methods from "./methods.ts";
import { toAuth, toSandboxConfig } from "./to-cri.ts";
import type { CallOptions, Transport } from "./transport.ts";

/** Images port over one connection (may be another than the runtime's). */
export function criImages(transport: Transport, limit: Millis): Images {
  const options = (action: string, signal: AbortSignal, id?: string) =>
    ({ action, signal, timeout: limit, ...(id === undefined ? {} : { id }) }) satisfies CallOptions;

  return {
    async imageStatus(image, signal) {
      const call = options(`read status of image ${JSON.stringify(image)}`, signal, image);
      const answer = await transport.unary(methods.imageStatus, { image: { image } }, call);
      if (!answer.image) return undefined;
      const attempt = { call: "ImageStatus", ...call };
      if (!answer.image.size) throw badAnswer(attempt, "no size");
      return from.fromImage(answer.image, attempt);
    },
    async pullImage(image, auth, sandbox, signal) {
      const call: CallOptions = { action: `pull image ${JSON.stringify(image)}`, signal, timeout: undefined };
      const request = {
        image: { image },
        auth: auth === undefined ? null : toAuth(auth),
        sandboxConfig: sandbox === undefined ? null : toSandboxConfig(sandbox),
      };
      const answer = await transport.unary(methods.pullImage, request, call);
      return from.required(answer.imageRef, "no image_ref", { call: "PullImage", ...call });
    },
    async listImages(signal) {
      const call = options("list images", signal);
      const { images } = await transport.unary(methods.listImages, {}, call);
      return (images ?? []).map((image) => from.fromImage(image, { call: "ListImages", ...call }));
    },
    async removeImage(image, signal) {
      const call = options(`remove image ${JSON.stringify(image)}`, signal, image);
      await goneIsFine(transport.unary(methods.removeImage, { image: { image } }, call));
    },
    async imageFilesystems(signal) {
      const call = options("read use of image file systems", signal);
      const answer = await transport.unary(methods.imageFsInfo, {}, call);
      return (answer.imageFilesystems ?? []).map(from.fromFilesystem);
    },
  };
}
