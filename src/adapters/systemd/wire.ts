import { type BusValue, parseSignature, Reader, type Variant, Writer } from "./marshal.ts";

/**
 * D-Bus messages on the wire, little-endian, https://dbus.freedesktop.org/doc/dbus-specification.html#message-protocol-messages
 */

export type MessageKind = "call" | "reply" | "error" | "signal";

export interface Message {
  readonly kind: MessageKind;
  /** Above 0, of the sender's own counting. */
  readonly serial: number;
  readonly path?: string | undefined;
  readonly interface?: string | undefined;
  readonly member?: string | undefined;
  readonly errorName?: string | undefined;
  /** The call that this answers. */
  readonly replyTo?: number | undefined;
  readonly destination?: string | undefined;
  readonly sender?: string | undefined;
  readonly signature: string;
  readonly body: readonly BusValue[];
}

/** Where the length of a message can be read. */
const PREFIX_BYTES = 16;
/** Far above whatever is asked for here; the protocol allows 128 MiB. */
const MAX_MESSAGE_BYTES = 4 << 20;
const LITTLE_ENDIAN = 0x6c;
const KINDS: readonly MessageKind[] = ["call", "reply", "error", "signal"];
const FIELDS = {
  path: { code: 1, type: "o" },
  interface: { code: 2, type: "s" },
  member: { code: 3, type: "s" },
  errorName: { code: 4, type: "s" },
  replyTo: { code: 5, type: "u" },
  destination: { code: 6, type: "s" },
  sender: { code: 7, type: "s" },
  signature: { code: 8, type: "g" },
} as const;
const FIELD_NAMES = Object.keys(FIELDS) as (keyof typeof FIELDS)[];
const HEADER = "yyyyuua(yv)";

/** @throws RangeError where values and signature don't fit */
export function encodeMessage(message: Message): Buffer {
  const { kind, serial, signature, body } = message;
  const written = new Writer();
  parseSignature(signature).forEach((type, place) => {
    written.put(type, body[place] ?? "");
  });
  const content = written.bytes();
  const fields = FIELD_NAMES.flatMap((name): BusValue[] => {
    const value = message[name];
    const { code, type } = FIELDS[name];
    return value === undefined || value === "" ? [] : [[code, { type, value }]];
  });
  const head = new Writer();
  const values: readonly BusValue[] = [LITTLE_ENDIAN, KINDS.indexOf(kind) + 1, 0, 1, content.length, serial, fields];
  parseSignature(HEADER).forEach((type, place) => {
    head.put(type, values[place] ?? "");
  });
  head.align(8);
  return Buffer.concat([head.bytes(), content]);
}

/** Bytes of the message that begins here; undefined: too little of it is there to tell. @throws RangeError for what is no message */
export function messageLength(bytes: Buffer): number | undefined {
  if (bytes.length < PREFIX_BYTES) return undefined;
  if (bytes[0] !== LITTLE_ENDIAN) throw new RangeError("not a little-endian D-Bus message");
  const length = Math.ceil((PREFIX_BYTES + bytes.readUInt32LE(12)) / 8) * 8 + bytes.readUInt32LE(4);
  if (length > MAX_MESSAGE_BYTES) throw new RangeError(`a D-Bus message of ${length} bytes`);
  return length;
}

/** `bytes`: exactly one message. @throws RangeError for what is none */
export function decodeMessage(bytes: Buffer): Message {
  const reader = new Reader(bytes);
  const [, kind, , , bodyLength, serial, fields] = parseSignature(HEADER).map((type) => reader.take(type));
  const known: { -readonly [name in keyof typeof FIELDS]?: BusValue } = {};
  for (const [code, variant] of fields as readonly (readonly [number, Variant])[]) {
    const name = FIELD_NAMES.find((each) => FIELDS[each].code === code && FIELDS[each].type === variant.type);
    if (name) known[name] = variant.value;
  }
  reader.align(8);
  const signature = (known.signature ?? "") as string;
  const body = parseSignature(signature).map((type) => reader.take(type));
  if (reader.at !== bytes.length || bytes.length < (bodyLength as number))
    throw new RangeError("a body of another length");
  const name = KINDS[(kind as number) - 1];
  if (name === undefined) throw new RangeError(`a D-Bus message of kind ${kind}`);
  return { ...(known as Partial<Message>), kind: name, serial: serial as number, signature, body };
}
