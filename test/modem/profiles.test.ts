import { describe, expect, test } from 'vitest';
import { generic, profileFor } from '../../src/modem/profiles.js';

describe('the profile of a modem', () => {
  test.each([
    ['huawei', 'huawei E3372'],
    ['zte', 'ZTE CORPORATION MF190'],
    ['quectel', 'Quectel EC25'],
    ['simcom-2g', 'SIMCOM_Ltd SIM800 R14.18'],
    ['simcom', 'SIMCOM INCORPORATED SIMCOM_SIM7600E-H'],
    ['cinterion', 'Cinterion EHS6'],
    ['cinterion', 'Telit Cinterion PLS63'],
    ['generic', 'Telit LE910C1-EU'],
    ['novatel', 'Novatel Wireless Inc. MC679'],
    ['sierra', 'Sierra Wireless, Incorporated MC7455'],
    ['generic', 'Nobody N-1'],
    ['generic', ''],
  ])('%s fits %j', (name, identity) => {
    expect(profileFor(identity).name).toBe(name);
  });

  test('keeps whatever it does not name as the generic one has it', () => {
    expect(profileFor('Quectel EC25')).toMatchObject({
      submitTimeoutMs: generic.submitTimeoutMs,
      indications: generic.indications,
    });
  });

  test('never waits less for a result than the network itself takes to give up (24.011 10.2: 45 s)', () => {
    for (const identity of ['SIM800', 'Sierra Wireless', 'Quectel', 'Huawei']) {
      expect(profileFor(identity).submitTimeoutMs).toBeGreaterThan(60_000);
    }
  });
});
