// Reads lines `<schema name> <JSON text>` and answers each with `0` (refused) or `1<parsed output as JSON>`.
// HOLDFAST_ZOD_DIR names a directory in which `node_modules/zod` stands.

import { createInterface } from 'node:readline';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { schemasOf } from './schemas.mjs';

const directory = process.env.HOLDFAST_ZOD_DIR;
if (!directory) {
  console.error('HOLDFAST_ZOD_DIR must name a directory with node_modules/zod in it.');
  process.exit(2);
}
const { z } = createRequire(join(directory, 'any.js'))('zod');
const schemas = schemasOf(z);

// JSON has no infinity; a literal beyond the range of doubles is read as one, and is written back as one here.
const MARK = '\u0000beyond';
const BEYOND = '1' + '0'.repeat(309);
function textOf(value) {
  const text = JSON.stringify(value, (_, item) => (item === Infinity ? MARK : item === -Infinity ? `-${MARK}` : item));
  return text.replaceAll('"-\\u0000beyond"', `-${BEYOND}`).replaceAll('"\\u0000beyond"', BEYOND);
}

const answers = [];
for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const space = line.indexOf(' ');
  const result = schemas[line.slice(0, space)].safeParse(JSON.parse(line.slice(space + 1)));
  answers.push(result.success ? `1${textOf(result.data)}` : '0');
}
process.stdout.write(answers.join('\n') + '\n');
