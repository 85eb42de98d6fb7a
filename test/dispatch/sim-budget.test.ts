import { expect, it } from 'vitest';
import { simKey } from '../../src/dispatch/sim-key.js';
import { FakeModem } from './support/fake-modem.js';

const hmac = (domain: string, text: string) => `${domain}:${text}`;

/** A modem whose ICCID is what was last put into it. */
function modemWith(name: string, first: string | undefined) {
  const modem = new FakeModem(name);
  const sim: { iccid: string | undefined } = { iccid: first };
  const snapshot = modem.snapshot.bind(modem);
  modem.snapshot = () => {
    return { ...snapshot(), iccid: sim.iccid };
  };
  return { modem, sim };
}

it('a SIM whose number cannot be read now and then has one count all the same', () => {
  const { modem, sim } = modemWith('main', '8949000000000000001');
  const key = simKey(modem, hmac);
  expect(key).toBe('sim:8949000000000000001');
  sim.iccid = undefined;
  expect(simKey(modem, hmac)).toBe(key);
  sim.iccid = '8949000000000000002';
  expect(simKey(modem, hmac)).toBe('sim:8949000000000000002');
  sim.iccid = undefined;
  expect(simKey(modem, hmac)).toBe('sim:8949000000000000002');
});

it('a SIM whose number was never read is counted by its modem, whatever is in the others', () => {
  simKey(modemWith('other', '8949000000000000001').modem, hmac);
  const { modem } = modemWith('main', undefined);
  expect(simKey(modem, hmac)).toBe('modem:main');
});
