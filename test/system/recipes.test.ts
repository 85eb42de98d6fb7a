/**
 * The recipes of docs/recipes.md, played as their own text has them: curl's lines by a shell; of
 * Home Assistant's YAML and Node-RED's flow the very request that those programs make of it, with
 * Jinja, which is what Home Assistant renders its templates by. Needs curl, python3 and
 * python3-jinja2.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { Rig, secret } from '../e2e/rig.js';
import { curlLines } from './docs-commands.js';
import { type Fence, readPages } from './docs-markdown.js';

const root = join(import.meta.dirname, '../..');
const fences = readPages(root).find(({ path }) => path === 'docs/recipes.md')?.fences ?? [];
const published = 'https://sms.example.com';

/** The text of the one block of that language in which the words are. */
function block(language: string, words: string): string {
  const found = fences.filter(
    (one: Fence) => one.language === language && one.text.includes(words),
  );
  expect(found, words).toHaveLength(1);
  return found[0]?.text ?? '';
}

let rig: Rig;
/** As the recipes write it, at the daemon of these tests. */
const here = (text: string): string => text.replaceAll(published, `http://127.0.0.1:${rig.port}`);

beforeAll(async () => {
  const caller = block('toml', '[[caller]]').replace('/etc/simgate/home-secret', 'secret');
  rig = await Rig.start([], caller);
});
afterAll(() => rig.stop());

/** The messages that came to the network since, as `number text`. */
async function received(during: () => unknown): Promise<string[]> {
  const before = rig.modem.record().length;
  await during();
  return rig.modem
    .record()
    .slice(before)
    .flatMap((entry) => (entry.kind === 'accepted' ? [`${entry.recipient} ${entry.text}`] : []));
}

describe('curl', () => {
  const run = (credential: string) =>
    spawnSync(
      'bash',
      ['-e', '-c', `sudo() { echo ${credential}; }\n${curlLines.map(here).join('\n')}`],
      { cwd: rig.folder, encoding: 'utf8' },
    );

  test('sends by both lines, and the secret stays out of the list of processes', async () => {
    let outcome: ReturnType<typeof run> | undefined;
    const texts = await received(() => {
      outcome = run(secret);
    });
    expect(outcome?.status, outcome?.stderr).toBe(0);
    expect(texts).toEqual([
      '+4915112345678 The UPS is on battery',
      '+4915112345678 The disk is full',
    ]);
    expect(curlLines.filter((line) => line.startsWith('curl') && /SECRET|sudo/.test(line))).toEqual(
      [],
    );
  });

  test('fails with the reason where the secret is another', () => {
    const { status, stdout } = run('another-secret-of-thirty-two-octets');
    expect(status).toBe(22);
    expect(JSON.parse(stdout)).toMatchObject({ code: 'token_invalid' });
  });
});

/** A template as Home Assistant has it: Jinja in a sandbox, and a filter of its own. */
function rendered(template: string, variables: object): string {
  const program = `import json, sys
from jinja2.sandbox import ImmutableSandboxedEnvironment
template, variables = json.load(sys.stdin)
environment = ImmutableSandboxedEnvironment()
environment.filters["to_json"] = lambda value: json.dumps(value, ensure_ascii=False)
sys.stdout.write(environment.from_string(template).render(variables))`;
  return execFileSync('/usr/bin/python3', ['-c', program], {
    encoding: 'utf8',
    input: JSON.stringify([template, variables]),
  });
}

describe('Home Assistant', () => {
  const yaml = (text: string, credential = secret): unknown =>
    parse(text, {
      customTags: [{ tag: '!secret', resolve: () => `Bearer ${credential}` }],
    });

  interface RestCommand {
    url: string;
    method: string;
    headers: Record<string, string>;
    content_type: string;
    payload: string;
    timeout: number;
  }
  const actions = yaml(block('yaml', 'response_variable')) as {
    actions: [
      { action: string; data: Record<string, string>; response_variable: string },
      { if: string; then: [{ data: { message: string } }] },
    ];
  };

  async function call(data: object, credential = secret) {
    const [{ action, response_variable: name }] = actions.actions;
    const [domain = '', service = ''] = action.split('.');
    const text = block('yaml', 'rest_command:\n');
    const commands = yaml(text, credential) as Record<string, Record<string, RestCommand>>;
    const command = commands[domain]?.[service];
    if (command === undefined) throw new Error(`no ${action}`);
    // Longer than simgate takes to answer, which is 25 s at most.
    expect(command.timeout).toBeGreaterThan(25);
    const response = await fetch(here(command.url), {
      method: command.method.toUpperCase(),
      headers: { ...command.headers, 'content-type': command.content_type },
      body: rendered(command.payload, data),
    });
    return { [name]: { status: response.status, content: await response.text() } };
  }

  test('sends by its REST command what the automation says, with every character', async () => {
    const [{ data }, { if: condition }] = actions.actions;
    let variables = {};
    expect(
      await received(async () => {
        variables = await call(data);
      }),
    ).toEqual(['+4915112345678 The front door is open']);
    expect(rendered(condition, variables)).toBe('False');
    const awkward = '"Tür" is\\open: 5 °C\n{{ 1 }}';
    expect(await received(() => call({ ...data, message: awkward }))).toEqual([
      `+4915112345678 ${awkward}`,
    ]);
  });

  test('tells its user when nothing was sent, with the reason', async () => {
    const [{ data }, { if: condition, then }] = actions.actions;
    const variables = await call(data, 'another-secret-of-thirty-two-octets');
    expect(rendered(condition, variables)).toBe('True');
    expect(rendered(then[0].data.message, variables)).toMatch(/^No SMS: 401 .*token_invalid/);
  });

  test('sends as a notify service', async () => {
    const { notify } = yaml(block('yaml', 'notify:\n')) as {
      notify: [Record<string, string> & { headers: Record<string, string> }];
    };
    const [service] = notify;
    expect(service).toMatchObject({ platform: 'rest', method: 'POST_JSON' });
    const { resource = '', message_param_name: message = '', target_param_name: to = '' } = service;
    const texts = await received(async () => {
      const response = await fetch(here(resource), {
        method: 'POST',
        headers: { ...service.headers, 'content-type': 'application/json' },
        body: JSON.stringify({ [message]: 'Window open', [to]: '+4915112345678' }),
      });
      expect(response.status).toBe(200);
    });
    expect(texts).toEqual(['+4915112345678 Window open']);
  });
});

describe('Node-RED', () => {
  interface FlowNode {
    id: string;
    type: string;
    wires: string[][];
    payload: string;
    method: string;
    url: string;
    headers: { keyValue: string; valueValue: string }[];
    property: string;
    rules: { t: string; v?: string }[];
  }
  const flow = JSON.parse(block('json', 'http request')) as FlowNode[];
  const node = (id: string | undefined): FlowNode => {
    const found = flow.find((one) => one.id === id);
    if (found === undefined) throw new Error(`no node ${id}`);
    return found;
  };

  /** What the switch lets through to which of its outputs, from the message on. */
  async function play(credential: string): Promise<{ statusCode: number; to: string[] }> {
    const start = flow.find(({ type }) => type === 'inject');
    const asking = node(start?.wires[0]?.[0]);
    expect(asking).toMatchObject({ type: 'http request', method: 'POST' });
    const response = await fetch(here(asking.url), {
      method: asking.method,
      headers: Object.fromEntries(
        asking.headers.map(({ keyValue, valueValue }) => [
          keyValue,
          valueValue.replace('SECRET', credential),
        ]),
      ),
      body: JSON.stringify(JSON.parse(start?.payload ?? '')),
    });
    const deciding = node(asking.wires[0]?.[0]);
    expect(deciding).toMatchObject({ type: 'switch', property: 'statusCode' });
    const { rules, wires } = deciding;
    const fits = rules.findIndex(
      ({ t, v }) => t === 'else' || (t === 'eq' && Number(v) === response.status),
    );
    return { statusCode: response.status, to: (wires[fits] ?? []).map((id) => node(id).type) };
  }

  test('sends what the flow says, and shows what was not sent', async () => {
    expect(
      await received(async () => expect(await play(secret)).toEqual({ statusCode: 200, to: [] })),
    ).toEqual(['+4915112345678 The pump stands still']);
    const refused = await play('another-secret-of-thirty-two-octets');
    expect(refused).toEqual({ statusCode: 401, to: ['debug'] });
  });

  test('each wire leads to a node of the flow', () => {
    const ends = flow.flatMap(({ wires }) => wires.flat());
    expect(ends.map((id) => node(id).id)).toEqual(ends);
  });
});
