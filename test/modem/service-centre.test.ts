import { describe, expect, test } from 'vitest';
import { ServiceCentre } from '../../src/modem/service-centre.js';

/** A SIM whose `+CSCA?` is answered with `line`, and that takes or refuses what is written. */
function simWith(line: string | undefined, takes = true) {
  const written: string[] = [];
  const ask = (text: string): Promise<string[] | undefined> => {
    if (text === 'AT+CSCA?') return Promise.resolve(line === undefined ? undefined : [line]);
    written.push(text);
    return Promise.resolve(takes ? [] : undefined);
  };
  return { ask, written };
}

describe('the SMSC that a SIM holds', () => {
  test.each([
    ['+CSCA: "+491710760000",145', '+491710760000'],
    ['+CSCA: "491710760000",145', '+491710760000'],
    ['+CSCA: "01710760000",129', '01710760000'],
    ['+CSCA: "+491710760000"', '+491710760000'],
    ['+CSCA: "002B003400390031003700310030003700360030003000300030",145', '+491710760000'],
    ['+CSCA: "",129', ''],
    ['+CSCA: "",0', ''],
    ['+CSCA: "+",145', ''],
    ['+CSCA:', undefined],
    [undefined, undefined],
  ])('%s is read as %s', async (line, number) => {
    const centre = new ServiceCentre(simWith(line).ask, undefined);
    expect(await centre.read()).toBe(number);
    expect(centre.isMissing).toBe(number === '');
    expect(centre.pduField).toBe('00');
  });

  test('is not forgotten when the modem does not tell it the next time', async () => {
    let isTelling = true;
    const centre = new ServiceCentre(
      () => Promise.resolve(isTelling ? ['+CSCA: "+491710760000",145'] : undefined),
      undefined,
    );
    await centre.read();
    isTelling = false;
    expect(await centre.read()).toBe('+491710760000');
  });
});

describe('one that is configured', () => {
  test('stands in the PDU, and the SIM is left as it is', async () => {
    const { ask, written } = simWith('+CSCA: "",129');
    const centre = new ServiceCentre(ask, '+491710760000');
    await centre.read();
    expect(centre.pduField).toBe('0791947101670000');
    expect(centre.isMissing).toBe(false);
    expect(written).toEqual([]);
  });

  test('of an odd number of digits, or a national one, is written as 24.011 has it', () => {
    expect(new ServiceCentre(simWith(undefined).ask, '+4917107600001').pduField).toBe(
      '0891947101670000F1',
    );
    expect(new ServiceCentre(simWith(undefined).ask, '0171').pduField).toBe('03811017');
  });

  test('is written to the SIM once where the modem does not read it in the PDU', async () => {
    const { ask, written } = simWith('+CSCA: "",129');
    const centre = new ServiceCentre(ask, '+491710760000');
    expect(await centre.remedy()).toContain('written');
    expect(await centre.remedy()).toBeUndefined();
    expect(written).toEqual(['AT+CSCA="+491710760000",145']);
  });
});

describe('after CMS 330', () => {
  test('what the SIM holds is written back as it was, then named in the PDU, then nothing is left', async () => {
    const { ask, written } = simWith('+CSCA: "491710760000",145');
    const centre = new ServiceCentre(ask, undefined);
    expect(await centre.remedy()).toContain('written');
    expect(centre.pduField).toBe('00');
    expect(await centre.remedy()).toContain('name the SMSC');
    expect(centre.pduField).toBe('0791947101670000');
    expect(await centre.remedy()).toBeUndefined();
    expect(written).toEqual(['AT+CSCA="491710760000",145']);
  });

  test('a modem that refuses the number is given it in the PDU at once', async () => {
    const centre = new ServiceCentre(simWith('+CSCA: "+491710760000",145', false).ask, undefined);
    expect(await centre.remedy()).toContain('name the SMSC');
  });

  test('a SIM without one gets none', async () => {
    const { ask, written } = simWith('+CSCA: "",129');
    expect(await new ServiceCentre(ask, undefined).remedy()).toBeUndefined();
    expect(written).toEqual([]);
  });

  test('a modem that began anew may be helped anew', async () => {
    const { ask, written } = simWith('+CSCA: "+491710760000",145');
    const centre = new ServiceCentre(ask, undefined);
    await centre.remedy();
    centre.reset();
    await centre.remedy();
    expect(written).toHaveLength(2);
  });
});
