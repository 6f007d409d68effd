import test from 'ava';
import { durationMs, formatDuration, formatSize, sizeBytes } from '../src/duration.js';

test('durations are milliseconds or numbers with a unit', t => {
  const cases: [unknown, number][] = [
    [0, 0],
    [250, 250],
    [1.5, 1.5],
    [Infinity, Infinity],
    ['250ms', 250],
    ['5s', 5000],
    ['0.5s', 500],
    ['2m', 120_000],
    ['1h', 3_600_000],
  ];
  for (const [value, expected] of cases) t.is(durationMs(value), expected, String(value));
});

test('what is no duration has no milliseconds', t => {
  const cases = [
    '',
    '5',
    's',
    '5 s',
    '5S',
    '-5s',
    '1e3ms',
    '5d',
    ' 5s',
    '5s ',
    '5ss',
    -1,
    Number.NaN,
    null,
    {},
    5n,
    true,
  ];
  for (const value of cases) t.is(durationMs(value), undefined, String(value));
});

test('sizes are bytes or numbers with a binary unit', t => {
  const cases: [unknown, number][] = [
    [0, 0],
    [65_536, 65_536],
    ['512B', 512],
    ['64KiB', 65_536],
    ['16MiB', 16_777_216],
    ['1.5KiB', 1536],
    ['4GiB', 4_294_967_296],
  ];
  for (const [value, expected] of cases) t.is(sizeBytes(value), expected, String(value));
});

test('what is no size, or no whole number of bytes, has none', t => {
  const cases = [
    'lots',
    '16MB',
    '16mib',
    '16 MiB',
    '0.3B',
    1.5,
    -1,
    Infinity,
    Number.NaN,
    '',
    'toString',
    '1constructor',
  ];
  for (const value of cases) t.is(sizeBytes(value), undefined, String(value));
});

test('amounts are written with the largest unit that is exact', t => {
  t.is(formatDuration(5000), '5s');
  t.is(formatDuration(120_000), '2m');
  t.is(formatDuration(1500), '1500ms');
  t.is(formatDuration(0), '0ms');
  t.is(formatDuration(Infinity), 'Infinity');
  t.is(formatSize(65_536), '64KiB');
  t.is(formatSize(4 * 1024 ** 3), '4GiB');
  t.is(formatSize(1000), '1000B');
});
