/**
 * Threads of libuv's pool, which files, mounts and name lookups share. Node's own number is four: four paths on a network mount that is dead would stop every
 * file of the kubelet, with its loop and its health in the best of shape. A thread at rest costs some 20 kB.
 */
const THREADS = 16;

/** To be called before the pool is first used, which makes all threads. What the operator set stays. */
export function widenPool(): void {
  process.env.UV_THREADPOOL_SIZE ??= String(THREADS);
}
