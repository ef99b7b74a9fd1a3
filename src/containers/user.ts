import type { Container, Pod, SecurityContext } from "../model/kubernetes.ts";
import { podText } from "../model/subject.ts";
import { configError } from "./refuse.ts";

/** Who an image runs as: a number, a name, or neither, which means root. */
export interface ImageUser {
  readonly uid: number | undefined;
  readonly username: string;
}

const UID_MAX = 2 ** 31 - 1;

/**
 * User that a container starts as.
 * @throws KubeletError `waiting` when the pod forbids root and the user is root or can't be told from root
 */
export function userOf(
  pod: Pod,
  container: Container,
  security: SecurityContext,
  image: ImageUser,
): { readonly runAsUser?: number; readonly runAsUsername?: string } {
  const uid = image.uid ?? (image.username === "" ? 0 : undefined);
  if (security.runAsNonRoot) refuseRoot(pod, container, security.runAsUser, uid, image.username);
  if (security.runAsUser !== undefined) return { runAsUser: security.runAsUser };
  return uid === undefined ? { runAsUsername: image.username } : { runAsUser: uid };
}

function refuseRoot(
  pod: Pod,
  container: Container,
  runAsUser: number | undefined,
  imageUid: number | undefined,
  username: string,
): void {
  const where = `(pod: "${podText(pod)}", container: ${container.name})`;
  if (runAsUser === 0) throw configError(`container's runAsUser breaks non-root policy ${where}`);
  if (runAsUser !== undefined) return;
  if (imageUid === undefined) {
    throw configError(
      `container has runAsNonRoot and image has non-numeric user (${username}), cannot verify user is non-root ${where}`,
    );
  }
  if (imageUid === 0) throw configError(`container has runAsNonRoot and image will run as root ${where}`);
  if (imageUid < 0 || imageUid > UID_MAX) {
    throw configError(
      `container has runAsNonRoot and image has an invalid user id (${imageUid}). (Must be 1-(${UID_MAX})): must be between 0 and ${UID_MAX}, inclusive ${where}`,
    );
  }
}
