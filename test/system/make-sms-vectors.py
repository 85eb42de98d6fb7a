#!/usr/bin/python3
"""Makes test/sms/vectors.json with gammu, an encoder that shares no code with ours.

Run once, by hand, where Debian's python3-gammu is installed:

    /usr/bin/python3 test/system/make-sms-vectors.py > test/sms/vectors.json
    npx biome format --write test/sms/vectors.json

The tests only read the file. What is encoded is gammu's, octet for octet: how a text is cut, packed and addressed.
Where gammu is known to be wrong, the vector carries the right octets and says so in `gammu_wrong`.
"""

import datetime
import json
import random
import sys

import gammu

NO_UDH = {'Type': 'NoUDH', 'ID8bit': -1, 'ID16bit': -1, 'PartNumber': -1, 'AllParts': -1, 'Text': b''}
SCTS = datetime.datetime(2024, 2, 29, 12, 34, 56)
SCTS_OCTETS = '422092214365'
BASE = {
    'SMSC': {'Location': 1, 'Name': '', 'Format': 'Text', 'DefaultNumber': '', 'Number': '', 'Validity': '5M'},
    'UDH': NO_UDH,
    'Number': '+4915112345667',
    'Type': 'Submit',
    'Coding': 'Default_No_Compression',
    'Text': '',
    'Class': -1,
    'Folder': 2,
    'InboxFolder': 0,
    'Memory': '',
    'Location': 0,
    'Name': '',
    'State': 'UnSent',
    'MessageReference': 0,
    'ReplaceMessage': 0,
    'RejectDuplicates': 0,
    'ReplyViaSameSMSC': 0,
    'DeliveryStatus': 0,
    'DateTime': SCTS,
    'SMSCDateTime': SCTS,
}


def pdu(layout='Submit', **fields):
    """A TPDU as gammu encodes it, without the service centre address it puts before it."""
    octets = gammu.EncodePDU({**BASE, **fields}, layout)
    return octets[1 + octets[0]:].hex().upper()


def runs(text):
    """The text as [string, count] runs, which keeps the file small and readable."""
    result = []
    for character in text:
        if result and result[-1][0] == character:
            result[-1][1] += 1
        else:
            result.append([character, 1])
    joined = []
    for character, count in result:
        if count == 1 and joined and joined[-1][1] == 1:
            joined[-1][0] += character
        else:
            joined.append([character, count])
    return joined


def message(title, text, recipient='+4915112345667', reference_bits=8, status_report=False, **extra):
    """A whole message: cut by gammu's EncodeSMS, each part encoded by EncodePDU with a reference of ours."""
    kind = 'ConcatenatedAutoTextLong' + ('16bit' if reference_bits == 16 else '')
    parts = gammu.EncodeSMS({'Class': -1, 'Unicode': False, 'Entries': [{'ID': kind, 'Buffer': text}]})
    reference = 0x2A if reference_bits == 8 else 0x012A
    tpdus = []
    for part in parts:
        udh = part['UDH']
        if len(parts) > 1:
            header = bytearray(udh['Text'])
            header[3:-2] = reference.to_bytes(reference_bits // 8, 'big')
            udh = {**udh, 'Type': 'UserUDH', 'Text': bytes(header)}
        else:
            udh = NO_UDH
        tpdus.append(pdu(
            Number=recipient,
            Text=part['Text'].split('\0')[0],  # gammu reads past the end when there are extension characters
            Coding=part['Coding'],
            UDH=udh,
            Type='Status_Report' if status_report else 'Submit',
        ))
    return {
        'title': title,
        'text': runs(text),
        'recipient': recipient,
        'reference_bits': reference_bits,
        'reference': reference,
        'status_report': status_report,
        'tpdus': tpdus,
        **extra,
    }


def gsm7_messages():
    for length in [*range(0, 18), 151, 152, 153, 154, 155, 156, 157, 158, 159, 160, 161, 305, 306, 307, 459, 460]:
        yield message(f'{length} septets that end in @', 'a' * (length - 1) + '@' if length else '')
    for length in range(1, 10):
        yield message(f'{length} times @', '@' * length)
    for before in (150, 151, 152, 153, 157, 158, 159, 160):
        yield message(f'euro sign behind {before} septets, then a second segment', 'a' * before + '€' * 10)
    for before in (157, 158, 159):
        yield message(f'one euro sign behind {before} septets', 'a' * before + '€')
    for before in (149, 150, 151, 152, 153):
        yield message(f'16-bit reference, bracket behind {before} septets', 'b' * before + '[' * 9, reference_bits=16)
    yield message('every character of the default table', '@£$¥èéùìòÇ\nØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&\'()*+,-./'
                  '0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà')
    yield message('the extension table', '^{}\\[~]|€')
    yield message('158 characters with 8 brackets are 166 septets', 'x' * 150 + '[]{}[]{}')
    yield message('a WebOTP line', 'Your code is 123456.\n\n@login.example.com #123456')
    yield message('German', 'Ihr Code lautet 048213. Gültig für 5 Minuten, bitte nicht weitergeben. Grüße, Ärzte Öl & Übel ß')
    yield message('a status report asked for', 'code 1', status_report=True)
    yield message('a status report asked for each segment', 'c' * 200, status_report=True)


def ucs2_messages():
    for length in (1, 2, 66, 67, 68, 69, 70, 71, 133, 134, 135, 201, 202):
        yield message(f'{length} units of Cyrillic', 'ж' * length)
    for before in (64, 65, 66, 67, 68):
        yield message(f'surrogate pairs behind {before} units', 'ж' * before + '😀' * 5)
    for before in (64, 65, 66):
        yield message(f'16-bit reference, surrogate pairs behind {before} units', 'ж' * before + '😀' * 5,
                      reference_bits=16)
    yield message('a curly quote', 'It’s 123456')
    yield message('emoji', '🔐 123456')
    yield message('Arabic WebOTP', 'رمزك هو 123456\n\n@example.com #123456')
    yield message('Chinese', '您的验证码是 123456，五分钟内有效。')


def recipients():
    for number in ('+1', '+12', '+4366012345678', '+436601234567', '+123456789012345', '12345', '123456', '110', '0171234567'):
        yield message(f'to {number}', 'code', recipient=number)
    # '*' and '#' are semi-octets 1010 and 1011 (23.040 9.1.2.3).
    wrong = message('to *100#', 'code', recipient='*100#')
    right = wrong['tpdus'][0].replace('0581FA00F3', '05811A00FB')
    if right == wrong['tpdus'][0]:
        raise SystemExit('gammu encodes * and # otherwise now')
    yield {**wrong, 'tpdus': [right], 'gammu_wrong': 'writes * as the end mark and # as 3'}


def random_messages():
    """Texts in which no cluster has two characters, so that cutting is only about pairs and sizes."""
    rng = random.Random(23040)
    for i in range(40):
        alphabet = ('abc @€', 'ab[]{}€', 'äöüß@§à', 'жшя', 'ж😀🔐', 'a€😀')[i % 6]
        length = rng.choice((40, 100, 200, 320))
        yield message(f'random {i}', ''.join(rng.choice(alphabet) for _ in range(length)),
                      reference_bits=rng.choice((8, 16)))


def validities():
    """Octets of TP-VP. gammu takes minutes, hours and days; its weeks come out as other values, so they are ours."""
    minute = 60_000
    periods = [(f'{n}M', n * minute) for n in (5, 10, 30)]
    periods += [(f'{n}H', n * 60 * minute) for n in (1, 2, 11, 12, 13, 18, 24)]
    periods += [(f'{n}D', n * 24 * 60 * minute) for n in (2, 3, 7, 29, 30)]
    for name, ms in periods:
        tpdu = pdu(Text='hi', SMSC={**BASE['SMSC'], 'Validity': name})
        yield {'period_ms': ms, 'octet': int(tpdu[-8:-6], 16)}
    yield {'period_ms': 63 * 7 * 24 * 60 * minute,
           'octet': int(pdu(Text='hi', SMSC={**BASE['SMSC'], 'Validity': 'Max'})[-8:-6], 16)}
    week = 7 * 24 * 60 * minute
    for weeks, octet in ((5, 197), (6, 198), (62, 254)):
        yield {'period_ms': weeks * week, 'octet': octet, 'gammu_wrong': 'reads W as another unit'}


def zone(minutes):
    """The seventh octet of a time stamp (23.040 9.2.3.11)."""
    tens, units = divmod(abs(minutes) // 15, 10)
    return f'{units}{tens | (8 if minutes < 0 else 0):X}'


def repack(tpdu, udh, text):
    """Sets TP-UDL and the septets anew: gammu's length and fill bits are wrong behind a header of more than 7 octets.

    (Its decoder has the right number, and judges the result. For ASCII letters, digits and spaces only.)
    """
    header_bits = 4 * len(udh)
    fill_bits = -header_bits % 7
    packed = sum(ord(character) << (7 * i) for i, character in enumerate(text)) << fill_bits
    octets = (fill_bits + 7 * len(text) + 7) // 8
    length = (header_bits + fill_bits) // 7 + len(text)
    head, _ = tpdu.split(udh)
    return f'{head[:-2]}{length:02X}{udh}' + packed.to_bytes(octets, 'little').hex().upper()


def deliver(title, text, zone_minutes=120, coding='gsm7', number='+4915112345667', udh=None, dcs=None, **extra):
    """A DELIVER of gammu's, read back by gammu; the zone and, where it has no word for it, the DCS are set afterwards."""
    fields = {'Type': 'Deliver', 'Text': text, 'Number': number}
    if coding == 'ucs2':
        fields['Coding'] = 'Unicode_No_Compression'
    if udh is not None:
        fields['UDH'] = {**NO_UDH, 'Type': 'UserUDH', 'Text': bytes.fromhex(udh)}
    tpdu = pdu('Deliver', **fields)
    if udh is not None and len(udh) > 14:
        tpdu = repack(tpdu, udh, text)
        extra['gammu_wrong'] = 'writes wrong fill bits or length behind a header of more than 7 octets; reads this right'
    before = ('08' if coding == 'ucs2' else '00') + SCTS_OCTETS + '00'
    after = (dcs or before[:2]) + SCTS_OCTETS + zone(zone_minutes)
    if tpdu.count(before) != 1:
        raise SystemExit(f'{title}: no time stamp to set')
    tpdu = tpdu.replace(before, after)
    seen = gammu.DecodePDU(bytes.fromhex('00' + tpdu), True)
    if (seen['Text'].split('\0')[0], seen['Number']) != (text, number):
        raise SystemExit(f'{title}: gammu does not read back what it wrote: {seen}')
    tz = datetime.timezone(datetime.timedelta(minutes=zone_minutes))
    return {
        'title': title,
        'tpdu': tpdu,
        'originator': number,
        'alphabet': coding,
        'text': runs(text),
        'service_centre_timestamp': SCTS.replace(tzinfo=tz).isoformat(),
        **extra,
    }


def delivers():
    for minutes in (0, 60, 120, 480, 330, 345, -180, -300, -330, -210, -720, 840):
        yield deliver(f'zone of {minutes} minutes', 'Hello', zone_minutes=minutes)
    for length in range(1, 12):
        yield deliver(f'alphanumeric sender of {length} characters', 'Hi', number='MyServiceXY'[:length])
    yield deliver('a short code', 'Hi', number='12345')
    yield deliver('an even short code', 'Hi', number='555444')
    yield deliver('8 septets that end in @', 'abcdefg@')
    yield deliver('extension characters', 'a[b]{c}~|\\^€')
    yield deliver('UCS-2', 'Привет 😀', coding='ucs2')
    eight = {'reference': 42, 'reference_bits': 8, 'total': 3, 'index': 2}
    sixteen = {'reference': 0x1234, 'reference_bits': 16, 'total': 255, 'index': 255}
    yield deliver('concatenation with 8-bit reference', 'part two @', udh='0500032A0302', concatenation=eight)
    yield deliver('concatenation with 16-bit reference', 'the last', udh='0608041234FFFF', concatenation=sixteen)
    yield deliver('concatenated UCS-2', 'две', coding='ucs2', udh='0500032A0302', concatenation=eight)
    yield deliver('a port before the concatenation', 'text', udh='0B05040B8423F000032A0302', concatenation=eight)
    yield deliver('a national single shift before the concatenation', 'plain letters', udh='0824010100032A0302',
                  concatenation=eight, national_shift={'single': 1})
    yield deliver('a national locking shift', 'plain', udh='03250103', national_shift={'locking': 3})
    yield deliver('class 0', 'flash', dcs='10', message_class=0)
    yield deliver('class 1 in group 1111', 'ME', dcs='F1', message_class=1)
    yield deliver('UCS-2 class 0', 'фон', coding='ucs2', dcs='18', message_class=0)
    yield deliver('UCS-2 message waiting', 'у вас', coding='ucs2', dcs='E8')
    yield deliver('GSM-7 message waiting, discard', 'voicemail', dcs='C8')


def status_report(title, status, reference=42, number='0D91945111325466F7', tail='', **extra):
    """A STATUS-REPORT. gammu cannot encode these, so the octets are put together here; gammu reads them back."""
    tpdu = f'06{reference:02X}{number}{SCTS_OCTETS}{zone(60)}422092217365{zone(60)}{status:02X}{tail}'
    seen = gammu.DecodePDU(bytes.fromhex('00' + tpdu), True)
    expected = ('Status_Report', reference, '+4915112345667')
    if (seen['Type'], seen['MessageReference'], seen['Number']) != expected:
        raise SystemExit(f'{title}: gammu reads {seen}')
    return {
        'title': title,
        'tpdu': tpdu,
        'message_reference': reference,
        'recipient': '+4915112345667',
        'service_centre_timestamp': '2024-02-29T12:34:56+01:00',
        'discharge_time': '2024-02-29T12:37:56+01:00',
        'status': status,
        **extra,
    }


def status_reports():
    for status, state in ((0x00, 'delivered'), (0x01, 'unconfirmed'), (0x02, 'replaced'), (0x03, 'unknown'),
                          (0x20, 'pending'), (0x25, 'pending'), (0x30, 'pending'), (0x40, 'failed'),
                          (0x46, 'expired'), (0x49, 'failed'), (0x60, 'failed'), (0x65, 'failed'),
                          (0x80, 'unknown'), (0xFF, 'unknown')):
        yield status_report(f'status {status:02X}', status, state=state)
    yield status_report('reference 255', 0, reference=255, state='delivered')
    yield status_report('TP-PI, TP-PID and TP-DCS behind it', 0, tail='030000', state='delivered')
    yield status_report('a text behind it', 0, tail='07000002E834', state='delivered', text='hi')
    yield status_report('a TP-PI that says nothing follows', 0, tail='00', state='delivered')


def main():
    vectors = {
        'made_by': 'test/system/make-sms-vectors.py, libgammu ' + gammu.Version()[0],
        'messages': [*gsm7_messages(), *ucs2_messages(), *recipients(), *random_messages()],
        'validities': [*validities()],
        'delivers': [*delivers()],
        'status_reports': [*status_reports()],
    }
    json.dump(vectors, sys.stdout, ensure_ascii=False, indent=2)


main()
