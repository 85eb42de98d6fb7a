/** The document of the public listener, and what an answer says that it does not. */

import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { parse } from 'yaml';

interface Reference {
  $ref?: string;
}
interface Response extends Reference {
  headers?: Record<string, Reference & { required?: boolean; schema?: object }>;
  content?: Record<string, { schema?: object }>;
}
interface Operation {
  responses: Record<string, Response>;
}
export interface Document {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
}

export const document = parse(
  readFileSync(new URL('../../../docs/openapi.yaml', import.meta.url), 'utf8'),
) as Document;

const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats.default(ajv);
ajv.addSchema(document, 'openapi');

function resolved<T extends Reference>(value: T): T {
  if (value.$ref === undefined) return value;
  let found: unknown = document;
  for (const name of value.$ref.slice(2).split('/'))
    found = (found as Record<string, unknown>)[name];
  return found as T;
}

/** References within a schema are those of the document. */
const anchored = (schema: object): object =>
  JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"openapi#/')) as object;

export interface ShownAnswer {
  status: number;
  header: (name: string) => string | null;
  /** As it came. */
  text: string;
}

/** What an answer says that the document does not; nothing when it keeps to it. */
export function violations(method: string, path: string, answer: ShownAnswer): string[] {
  const operation = document.paths[path]?.[method];
  const found = operation?.responses[String(answer.status)] ?? operation?.responses.default;
  if (found === undefined) return [`${method} ${path} has no answer ${answer.status}`];
  const response = resolved(found);
  const odd = Object.entries(response.headers ?? {}).flatMap(([name, reference]) => {
    const { required = false, schema = {} } = resolved(reference);
    const value = answer.header(name);
    if (value === null) return required ? [`${name} is missing`] : [];
    const isValid: boolean = ajv.validate(anchored(schema), value);
    return isValid ? [] : [`${name} is ${value}`];
  });
  const type = answer.header('content-type')?.split(';')[0] ?? '';
  const content = response.content?.[type];
  if (content === undefined) return [...odd, `the body is ${type}`];
  if (content.schema === undefined || type === 'text/plain') return odd;
  const isValid = ajv.validate(anchored(content.schema), JSON.parse(answer.text));
  return isValid ? odd : [...odd, ajv.errorsText()];
}

/** The statuses that an operation names, but for the default. */
export const statusesOf = (method: string, path: string): number[] =>
  Object.keys(document.paths[path]?.[method]?.responses ?? {})
    .filter((status) => status !== 'default')
    .map(Number);
