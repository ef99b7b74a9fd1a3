import { createHash } from "node:crypto";
import { join } from "node:path";
import { orAborted } from "../base/abort.ts";
import { KubeletError, messageOf } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import type { Clock } from "../ports/clock.ts";
import type { Files } from "../ports/files.ts";
import type { Images } from "../ports/runtime.ts";
import type { PullCredential, SecretOrigin } from "./pull-credentials.ts";
import {
  decodeIntent,
  decodeRecord,
  intentText,
  type PulledRecord,
  recordText,
  UnknownVersion,
} from "./pulled-record.ts";
import { parseImage } from "./reference.ts";

export interface PullRecordsOptions {
  readonly rootDir: string;
  /** Whether a pod must show credentials for an image that is present. `pulledByUs`: this node pulled it, as far as records tell. */
  readonly mustVerify: (image: string, pulledByUs: boolean) => boolean;
}

export interface PullRecordsDeps {
  readonly files: Files;
  readonly images: Pick<Images, "listImages">;
  readonly clock: Clock;
  readonly log: Log;
}

const MAX_RECORD = 1024 * 1024;
/** More Secrets than this are not added to a record just because they were seen to fit. */
const MAX_SECRETS_BY_MATCH = 100;
const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;

/**
 * Which images this node pulled, and with whose credentials: a pod must not get an image that is here only because another pod may have
 * it. In upstream's files, so that a kubelet of either make goes on with the other's.
 *
 *   <root>/image_manager/pulling/sha256-<hash of the image's name>   while a pull goes on, and after one that the kubelet did not survive
 *   <root>/image_manager/pulled/sha256-<hash of the image's id>
 */
export class PullRecords {
  readonly #options: PullRecordsOptions;
  readonly #deps: PullRecordsDeps;
  /** Image name -> pulls under way. */
  readonly #pulling = new Map<string, number>();
  #opened: Promise<void> | undefined;
  /** The change of a record that was asked for last: the next one reads what it wrote. */
  #changed: Promise<unknown> = Promise.resolve();
  /** Ids of images whose record a pull has changed while earlier pulls are settled: by then an older list says that they are gone. */
  #news: Set<string> | undefined;

  constructor(options: PullRecordsOptions, deps: PullRecordsDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** Whether a present image must be pulled all the same, to see whether this pod may have it. */
  async mustPull(
    image: string,
    id: string,
    credentials: () => Promise<readonly PullCredential[]>,
    signal: AbortSignal,
  ): Promise<boolean> {
    await this.#open(signal);
    let record: PulledRecord | undefined;
    let pulledByUs: boolean;
    try {
      record = await this.#record(id);
      pulledByUs = record !== undefined || (this.#pulling.get(image) ?? 0) > 0 || (await this.#hasIntent(image));
    } catch (error) {
      this.#deps.log.error("Cannot read records of image pulls, will ask the registry", {
        image,
        err: messageOf(error),
      });
      return true;
    }
    if (!this.#options.mustVerify(image, pulledByUs)) return false;
    const known = record?.credentialMapping[repositoryOf(image)];
    if (known?.nodePodsAccessible) return false;
    const secrets = known?.kubernetesSecrets ?? [];
    if (secrets.length === 0) return true;
    for (const { secret } of await credentials()) {
      if (!secret) continue;
      const sameHash = secrets.some(
        ({ credentialHash }) => credentialHash !== "" && credentialHash === secret.credentialHash,
      );
      const samePlace = secrets.some((one) => placeOf(one) === placeOf(secret));
      if (!sameHash && !samePlace) continue;
      const isNews = !(sameHash && samePlace) && secrets.length < MAX_SECRETS_BY_MATCH;
      if (isNews) await this.#note(image, id, { secret });
      return false;
    }
    return true;
  }

  /** Before a pull: even if this kubelet does not live to see its end, the image will be known as pulled. @throws KubeletError */
  async begin(image: string): Promise<void> {
    this.#pulling.set(image, (this.#pulling.get(image) ?? 0) + 1);
    try {
      const { files } = this.#deps;
      await files.makeDirectory(this.#directory("pulling"), DIRECTORY_MODE);
      await files.writeAtomic(this.#intentPath(image), intentText(image), FILE_MODE);
    } catch (error) {
      this.#count(image);
      throw error;
    }
  }

  /** After a pull that worked. `used`: undefined where nothing had to be shown: then every pod may have the image. */
  async succeeded(image: string, id: string, used: PullCredential | undefined): Promise<void> {
    // Without a record the intent stays: it says the same.
    if (await this.#note(image, id, used ?? {})) await this.#dropIntent(image);
    else this.#count(image);
  }

  async failed(image: string): Promise<void> {
    await this.#dropIntent(image);
  }

  /** Counts down; whether it was the last. */
  #count(image: string): boolean {
    const left = (this.#pulling.get(image) ?? 1) - 1;
    if (left > 0) this.#pulling.set(image, left);
    else this.#pulling.delete(image);
    return left <= 0;
  }

  async #dropIntent(image: string): Promise<void> {
    if (!this.#count(image)) return;
    try {
      await this.#deps.files.removeFile(this.#intentPath(image));
    } catch (error) {
      this.#deps.log.error("Cannot remove the note of an image pull", { image, err: messageOf(error) });
    }
  }

  /** Adds who may have an image to its record; false where it can't be written. One after the other: two pulls of an image may end at once. */
  #note(image: string, id: string, credential: Partial<PullCredential> | undefined): Promise<boolean> {
    this.#news?.add(id);
    return this.#inTurn(() => this.#add(image, id, credential));
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const change = this.#changed.then(work);
    this.#changed = change.catch(() => {});
    return change;
  }

  async #add(image: string, id: string, credential: Partial<PullCredential> | undefined): Promise<boolean> {
    const { files, clock, log } = this.#deps;
    try {
      const before = await this.#record(id).catch((error: unknown) => {
        if (error instanceof UnknownVersion) throw error;
        return undefined;
      });
      const after = withCredential(before, repositoryOf(image), id, credential);
      if (before && after === before) return true;
      await files.makeDirectory(this.#directory("pulled"), DIRECTORY_MODE);
      await files.writeAtomic(this.#recordPath(id), recordText(after, clock.wall()), FILE_MODE);
      return true;
    } catch (error) {
      if (!(error instanceof KubeletError) && !(error instanceof UnknownVersion)) throw error;
      log.error("Cannot write the record of an image pull", { image, err: error.message });
      return false;
    }
  }

  /**
   * Once for the process: pulls that an earlier kubelet did not see the end of, and records of images that are gone. All pods that start wait for the same
   * look, so the end of one of them ends its wait only.
   */
  #open(signal: AbortSignal): Promise<void> {
    this.#opened ??= this.#settle(new AbortController().signal)
      .catch((error: unknown) => {
        this.#opened = undefined;
        this.#deps.log.error("Cannot settle earlier image pulls, will try again", { err: messageOf(error) });
      })
      .finally(() => {
        this.#news = undefined;
      });
    return orAborted(this.#opened, signal);
  }

  async #settle(signal: AbortSignal): Promise<void> {
    const { files, images } = this.#deps;
    const news = new Set<string>();
    this.#news = news;
    const intents = (await this.#readAll("pulling", decodeIntent)).filter((image) => !this.#pulling.has(image));
    const records = await this.#readAll("pulled", decodeRecord);
    if (intents.length === 0 && records.length === 0) return;
    const present = await images.listImages(signal);
    for (const { id, repoTags, repoDigests } of present) {
      for (const image of intents.filter((one) => repoTags.includes(one) || repoDigests.includes(one))) {
        // Nobody knows with whose credentials: everybody has to show some. The note may have become that of a pull of ours meanwhile.
        if ((await this.#note(image, id, undefined)) && !this.#pulling.has(image))
          await files.removeFile(this.#intentPath(image));
      }
    }
    const ids = new Set(present.map(({ id }) => id));
    for (const { imageRef } of records.filter((record) => !ids.has(record.imageRef)))
      await this.#inTurn(async () => {
        if (!news.has(imageRef)) await files.removeFile(this.#recordPath(imageRef));
      });
  }

  /** Those that can be read: others are found out when their image is asked for. */
  async #readAll<T>(kind: "pulling" | "pulled", decode: (text: string) => T): Promise<readonly T[]> {
    const directory = this.#directory(kind);
    const names = ((await this.#deps.files.list(directory)) ?? []).filter((name) => /^sha256-[0-9a-f]{64}$/.test(name));
    const read = await Promise.allSettled(names.map((name) => this.#read(join(directory, name), decode)));
    return read.flatMap((one) => (one.status === "fulfilled" ? (one.value ?? []) : []));
  }

  async #read<T>(path: string, decode: (text: string) => T): Promise<T | undefined> {
    const bytes = await this.#deps.files.read(path, MAX_RECORD);
    return bytes && decode(new TextDecoder().decode(bytes));
  }

  async #record(id: string): Promise<PulledRecord | undefined> {
    const record = await this.#read(this.#recordPath(id), decodeRecord);
    return record?.imageRef === id ? record : undefined;
  }

  async #hasIntent(image: string): Promise<boolean> {
    return (await this.#read(this.#intentPath(image), decodeIntent)) === image;
  }

  readonly #directory = (kind: "pulling" | "pulled"): string => join(this.#options.rootDir, "image_manager", kind);
  readonly #intentPath = (image: string): string => join(this.#directory("pulling"), fileName(image));
  readonly #recordPath = (id: string): string => join(this.#directory("pulled"), fileName(id));
}

const fileName = (text: string): string => `sha256-${createHash("sha256").update(text).digest("hex")}`;

/** The name as given, without tag and digest. */
export function repositoryOf(image: string): string {
  const reference = parseImage(image);
  if (typeof reference === "string") return image;
  const named = reference.digest === undefined ? image : image.slice(0, -reference.digest.length - 1);
  return reference.tag === undefined ? named : named.slice(0, -reference.tag.length - 1);
}

const placeOf = ({ namespace, name, uid }: SecretOrigin): string => `${namespace}/${name}/${uid}`;

/** `credential`: undefined where it is not known, an empty one for everybody. The same record where nothing is new. */
function withCredential(
  before: PulledRecord | undefined,
  repository: string,
  id: string,
  credential: Partial<PullCredential> | undefined,
): PulledRecord {
  const record = before ?? { imageRef: id, credentialMapping: {} };
  const known = record.credentialMapping[repository];
  if (!credential || known?.nodePodsAccessible) return record;
  const { secret } = credential;
  const put = (credentials: PulledRecord["credentialMapping"][string]): PulledRecord => ({
    ...record,
    credentialMapping: { ...record.credentialMapping, [repository]: credentials },
  });
  if (!secret) return put({ nodePodsAccessible: true });
  const secrets = known?.kubernetesSecrets ?? [];
  const same = secrets.find((one) => placeOf(one) === placeOf(secret));
  if (same?.credentialHash === secret.credentialHash) return record;
  const others = secrets.filter((one) => one !== same);
  const sorted = [...others, secret].sort((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1));
  return put({ ...known, kubernetesSecrets: sorted });
}

const orderOf = ({ namespace, name, uid }: SecretOrigin): string => [namespace, name, uid].join("\0");
