import test from 'ava';
import { ConfigError, TroupeError } from '../src/errors.js';
import { checkName } from '../src/names.js';

test('ordinary names are taken as they are', t => {
  for (const name of ['a', 'parser', 'a.b.c', 'Müller', '名前', 'x'.repeat(255), '_x', 'a-b_c', '#1', 'a$']) {
    t.is(checkName(name, 'name'), name);
  }
});

test('a name outside the grammar is refused with the reason', t => {
  const cases: [string, RegExp][] = [
    ['', /is empty/],
    ['x'.repeat(256), /has 256 bytes/],
    ['ü'.repeat(128), /has 256 bytes/],
    ['a b', /contains " "/],
    ['a\nb', /contains "\\n"/],
    ['a\u0000', /contains "\\u0000"/],
    ['a\u00a0b', /contains/],
    ['a*', /contains "\*"/],
    ['>', /contains ">"/],
    ['a/b', /contains "\/"/],
    ['\ud800', /contains/],
    ['$sys', /begins with/],
    ['_INBOX.1', /begins with/],
    ['.a', /empty part/],
    ['a..b', /empty part/],
    ['a.', /empty part/],
  ];
  for (const [name, reason] of cases) {
    const error = t.throws(() => checkName(name, 'name'), { instanceOf: TroupeError, message: reason }, name);
    t.is(error?.code, 'ERR_NAME_INVALID');
    t.true(error?.message.startsWith('name: '));
  }
});

test('a name that is no string is a wrong option', t => {
  t.throws(() => checkName(5, 'name'), { instanceOf: ConfigError, message: 'name: expected a string, received 5' });
});
