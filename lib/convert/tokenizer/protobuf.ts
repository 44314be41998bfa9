/** A field of a message: an integer, a 32-bit float, or the bytes of a text or of a message within. */
export interface ProtobufField {
  readonly number: number;
  readonly value: number | Uint8Array;
  /** How many bits the number has, or that it is bytes. */
  readonly type: 'varint' | 'bytes' | 'fixed32' | 'fixed64';
}

/** What is wrong with a message, as a sentence about it says. */
export class ProtobufFault extends Error {}

/**
 * The fields of a protobuf message in their order. Bytes are not copied; a varint keeps its lowest 53
 * bits, more than any field here has, and a fixed64 comes as bytes.
 *
 * @throws ProtobufFault where the message ends within a field, or is of a kind that no reader knows
 */
export function* protobufFields(message: Uint8Array): Generator<ProtobufField, void, undefined> {
  const view = new DataView(message.buffer, message.byteOffset, message.length);
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let i = 0; i < 10; i++) {
      const byte = message[at++];
      if (byte === undefined) throw new ProtobufFault(`an integer cut off at byte ${at - 1}`);
      if (i < 7) value += (byte & 127) * 2 ** (7 * i);
      if (byte < 128) return value;
    }
    throw new ProtobufFault(`an integer of more than 10 bytes at byte ${at - 10}`);
  };
  const take = (length: number): Uint8Array => {
    if (length > message.length - at) {
      throw new ProtobufFault(`a field of ${length} bytes at byte ${at}, past the end`);
    }
    at += length;
    return message.subarray(at - length, at);
  };
  while (at < message.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    const wire = tag % 8;
    if (wire === 0) yield { number, type: 'varint', value: varint() };
    else if (wire === 1) yield { number, type: 'fixed64', value: take(8) };
    else if (wire === 2) yield { number, type: 'bytes', value: take(varint()) };
    else if (wire === 5) {
      take(4);
      yield { number, type: 'fixed32', value: view.getFloat32(at - 4, true) };
    } else throw new ProtobufFault(`a field of wire type ${wire} at byte ${at}`);
  }
}
