import { afterEach, beforeEach, expect, it } from 'vitest';
import { type ListedStick, listModems, renderModemList } from '../../src/doctor/modem-list.js';
import { listSticks } from '../../src/usb/sticks.js';
import { Tree } from '../usb/support/tree.js';

let tree: Tree;
beforeEach(() => {
  tree = new Tree();
});
afterEach(() => tree.remove());

/** The list, with the tree's top taken off every path. */
async function list(used: [string, string][] = []): Promise<ListedStick[]> {
  const entries = used.map(([tty, name]) => ({
    name,
    device: 'auto',
    selector: { kind: 'auto' } as const,
    state: { phase: 'ready', reason: undefined, tty: tree.path(tty) },
  }));
  const text = JSON.stringify(listModems(await listSticks(tree.roots), entries));
  return JSON.parse(text.replaceAll(tree.path(), '')) as ListedStick[];
}

it('says of each stick which tty is for AT commands and why, and what to configure', async () => {
  tree.plug('ec25', { at: '1-1.2' });
  const [stick] = await list();
  expect(stick).toMatchObject({
    name: 'Quectel EC25, EG25-G at USB port 1-1.2',
    kind: 'modem',
    usb_id: '2c7c:0125',
    device: expect.stringMatching(/^\/dev\/serial\/by-id\/usb-.*-if02-port0$/),
  });
  expect(stick?.ports.map(({ tty, interface: number, why }) => [tty, number, why])).toEqual([
    ['/dev/ttyUSB0', 0, undefined],
    ['/dev/ttyUSB1', 1, undefined],
    ['/dev/ttyUSB2', 2, 'interface 2 of 2c7c:0125 is its AT port (Quectel EC25, EG25-G)'],
    ['/dev/ttyUSB3', 3, 'interface 3 of 2c7c:0125 is another AT port of it (Quectel EC25, EG25-G)'],
  ]);
});

it('names the entry of the daemon that uses a stick, by any of its ttys', async () => {
  tree.plug('ec25', { at: '1-1.2' });
  tree.plug('sim7600', { at: '1-1.3', firstTty: 4 });
  const usedBy = (await list([['dev/ttyUSB7', 'main']])).map(({ name, used_by }) => [
    name.split(',')[0],
    used_by,
  ]);
  expect(usedBy).toEqual([
    ['Quectel EC25', undefined],
    ['SIMCom SIM7000', 'main'],
  ]);
});

it('proposes a node only where nothing better tells two sticks apart', async () => {
  tree.plug('mc7455', { at: '1-1.2' });
  tree.plug('mc7455', { at: '1-1.3', firstTty: 4 });
  // The second one has taken the by-id name over.
  expect((await list()).map(({ device }) => device)).toEqual([
    '/dev/ttyUSB2',
    expect.stringMatching(/^\/dev\/serial\/by-id\//),
  ]);
});

it('says what is wrong with a stick that has no AT port', async () => {
  tree.plug('e3372h-hilink', { at: '1-1.2' });
  const [stick] = await list();
  expect(stick).toMatchObject({ problem: expect.stringContaining('HiLink'), ports: [] });
  expect(stick).not.toHaveProperty('device');
});

it('is readable', async () => {
  tree.plug('mc7455', { at: '1-1.2' });
  tree.plug('e3372h-hilink', { at: '1-1.3' });
  const [modem, network] = renderModemList(await list([['dev/ttyUSB2', 'main']])).split('\n\n');
  expect(modem).toMatch(
    /^Sierra Wireless MC7455, MC7430 at USB port 1-1\.2 \(1199:9071\), modem "main" of the configuration\n {2}it is ready \(\/dev\/ttyUSB2\)\n {2}device = "\/dev\/serial\/by-id\/usb-Sierra.*-if03-port0"\n {2}\/dev\/ttyUSB0 {2}interface 0, not for AT\n/,
  );
  expect(modem).toContain('  /dev/ttyUSB2  interface 3 of 1199:9071 is its AT port');
  expect(network).toMatch(/^Huawei HiLink.* at USB port 1-1\.3 \(12d1:14dc\)\n {2}.*no AT port/);
});

it('says that nothing is there, and what to do', () => {
  const text = renderModemList([]);
  expect(text).toMatch(/^Nothing is plugged in/);
  expect(text).toContain('plug in a USB modem with an AT port');
});

it('has the modems of the configuration that are no stick here, and how they are', () => {
  const selector = { kind: 'network', protocol: 'tcp', host: '127.0.0.1', port: 2001 } as const;
  const far = { name: 'far', device: 'tcp://127.0.0.1:2001', selector };
  const state = { phase: 'absent', reason: 'no modem is plugged in', tty: 'auto' };
  const away = { name: 'main', device: 'auto', selector: { kind: 'auto' } as const, state };
  const listed = listModems([], [far, away]);
  expect(listed).toEqual([
    {
      name: 'Over the network',
      kind: 'network',
      device: 'tcp://127.0.0.1:2001',
      ports: [],
      used_by: 'far',
      state: 'not open, for no daemon runs',
    },
    {
      name: 'On no stick that is plugged in',
      kind: 'configured',
      device: 'auto',
      ports: [],
      used_by: 'main',
      state: 'absent: no modem is plugged in (auto)',
    },
  ]);
  expect(renderModemList(listed)).toContain(
    'On no stick that is plugged in, modem "main" of the configuration\n  it is absent: no modem is plugged in (auto)\n',
  );
});

it('knows without a daemon whose a stick is that an entry names', async () => {
  tree.plug('ec25', { at: '1-1.2' });
  const [stick] = listModems(await listSticks(tree.roots), [
    { name: 'main', device: tree.path('dev/ttyUSB2'), selector: { kind: 'auto' } },
  ]);
  expect(stick).toMatchObject({ used_by: 'main', state: 'not open, for no daemon runs' });
});
