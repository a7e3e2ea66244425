// Frames on standard input, each after its length in four bytes, as Apache's
// own reader of Arrow sees them: read.mjs FOLDER-WITH-MODULES
// Values are texts that lose nothing: null, bits of a double, nanoseconds.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const { tableFromIPC, Type } = createRequire(`${process.argv[2]}/`)('apache-arrow');

function bits(number) {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, number);
  return view.getBigUint64(0).toString(16);
}

function text(type, vector, i) {
  const value = vector.get(i);
  if (value === null) return null;
  if (type.typeId === Type.Float) return bits(value);
  if (type.typeId === Type.Timestamp) {
    const [chunk] = vector.data;
    return String(chunk.values[i]);
  }
  return String(value);
}

function read(bytes) {
  const table = tableFromIPC(bytes);
  return {
    metadata: Object.fromEntries(table.schema.metadata),
    fields: table.schema.fields.map((field, at) => {
      const vector = table.getChildAt(at);
      return {
        name: field.name,
        type: String(field.type),
        metadata: Object.fromEntries(field.metadata),
        values: Array.from({ length: table.numRows }, (_, i) => text(field.type, vector, i)),
      };
    }),
  };
}

const input = readFileSync(0);
const frames = [];
for (let at = 0; at < input.length;) {
  const length = input.readUInt32BE(at);
  frames.push(read(input.subarray(at + 4, at + 4 + length)));
  at += 4 + length;
}
process.stdout.write(JSON.stringify(frames));
