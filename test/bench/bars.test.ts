import { describe, expect, test } from 'vitest';
import {
  comparisonBars,
  containerBars,
  egressBars,
  egressServiceMs,
  egressSubject,
  type Figures,
  judge as judgeBars,
  pythonBars,
  type Round,
  subjects,
} from '../../bench/bars.ts';

const figures = (p50Ms: number, runsPerSecond: number): Figures => ({
  p50Ms,
  p99Ms: p50Ms * 2,
  runsPerSecond,
  loadedP50Ms: p50Ms * 10,
  loadedP99Ms: p50Ms * 20,
});

const round = (cordon: Figures, naive: Figures, workerd?: Figures): Round => ({
  [subjects.oneAgent]: cordon,
  [subjects.sixteenAgents]: cordon,
  [subjects.naive]: naive,
  ...(workerd && { [subjects.workerd]: workerd }),
});

const judge = (rounds: Round[], absent?: Record<string, string>) =>
  judgeBars({ bars: comparisonBars, rounds, ...(absent && { absent }) });

describe('the bars', () => {
  test('are the six of the specification', () => {
    expect(
      comparisonBars.map(({ subject, measure, against, atMost, atLeast }) => [
        subject,
        measure,
        against,
        atMost ?? atLeast,
      ]),
    ).toEqual(
      [subjects.oneAgent, subjects.sixteenAgents].flatMap((subject) => [
        [subject, 'p50Ms', subjects.naive, 1],
        [subject, 'runsPerSecond', subjects.naive, 0.9],
        [subject, 'runsPerSecond', subjects.workerd, 3],
      ]),
    );
  });

  test('hold at exactly the figure, and not beyond it', () => {
    expect(judge([round(figures(2, 900), figures(2, 1000), figures(4, 300))]).map(({ holds }) => holds)).toEqual(
      Array(6).fill(true),
    );
    expect(judge([round(figures(2.01, 899), figures(2, 1000), figures(4, 300))]).map(({ holds }) => holds)).toEqual(
      Array(6).fill(false),
    );
  });

  test('are judged by ratios within a round, so that a machine that slows down changes nothing', () => {
    const fast = round(figures(1, 950), figures(1.1, 1000), figures(2, 250));
    const slow = round(figures(10, 95), figures(11, 100), figures(20, 25));
    const [p50, throughput] = judge([fast, slow, fast]);
    expect(p50?.value).toBeCloseTo(0.909, 3);
    expect(throughput?.value).toBeCloseTo(0.95, 5);
  });

  test('take the median of the rounds: one bad round decides nothing', () => {
    const good = round(figures(1, 1000), figures(2, 1000), figures(4, 100));
    const bad = round(figures(50, 10), figures(2, 1000), figures(4, 100));
    expect(judge([good, bad, good]).every(({ holds }) => holds)).toBe(true);
    expect(judge([bad, good, bad]).some(({ holds }) => holds)).toBe(false);
  });

  test('fail for what was not measured, with the reason, and for that alone', () => {
    const results = judge([round(figures(1, 1000), figures(2, 1000))], {
      [subjects.workerd]: 'workerd cannot be installed: no network',
    });
    const failed = results.filter(({ holds }) => !holds);
    expect(failed.map(({ bar }) => bar.against)).toEqual([subjects.workerd, subjects.workerd]);
    expect(failed.map(({ reason }) => reason)).toEqual(Array(2).fill('workerd cannot be installed: no network'));
  });

  test('fail when nothing was measured at all', () => {
    const results = judge([]);
    expect(results.map(({ holds }) => holds)).toEqual(Array(6).fill(false));
    expect(results[0]?.reason).toBe(`${subjects.oneAgent} was not measured; ${subjects.naive} was not measured`);
  });
});

describe('the bars of Python', () => {
  const python = (p50Ms: number, javascriptMs: number, runsPerCpuSecond: number): Round => ({
    [subjects.python]: { p50Ms, runsPerCpuSecond },
    [subjects.javascript]: { p50Ms: javascriptMs },
  });
  const restores = (isolate: number, pyodide: number): Round => ({
    [subjects.isolate]: { restoreMs: isolate },
    [subjects.pyodide]: { restoreMs: pyodide },
  });
  const judgePython = (rounds: Round[]) => judgeBars({ bars: pythonBars, rounds });

  test('are a difference, a ratio and a figure, held exactly and not beyond', () => {
    const good = judgePython([python(6, 2, 150), restores(90, 60)]);
    expect(good.map(({ holds, reason }) => [holds, reason])).toEqual([
      [true, '4.00 ms'],
      [true, '1.50 x'],
      [true, '150.00'],
    ]);
    const bad = judgePython([python(6.1, 2, 149), restores(91, 60)]);
    expect(bad.map(({ holds }) => holds)).toEqual([false, false, false]);
    expect(bad.map(({ name }) => name)).toEqual([
      'python: p50 one at a time <= 4 ms above javascript',
      'interpreter in an isolate: restore <= 1.5 x Pyodide in Node.js',
      'python: clean runs per CPU second of its workers at 16 callers >= 150',
    ]);
  });

  test('take differences within a round too', () => {
    const [difference] = judgePython([python(4, 1, 1), python(14, 10, 1), python(25, 20, 1)]);
    expect(difference?.value).toBe(4);
  });

  test('fail for what was not measured', () => {
    const results = judgePython([python(3, 2, 200)]);
    expect(results.map(({ holds }) => holds)).toEqual([true, false, true]);
    expect(results[1]?.reason).toBe(`${subjects.isolate} was not measured; ${subjects.pyodide} was not measured`);
  });
});

describe('the bars of containers', () => {
  const first = (exec: number, warm: number, bare: number): Round => ({
    [subjects.bareExec]: { firstOutputMs: exec },
    [subjects.warmContainer]: { firstOutputMs: warm },
    [subjects.bareCold]: { firstOutputMs: bare },
  });
  const queued = (succeeded: number): Round => ({ [subjects.queuedRuns]: { succeeded } });
  const judgeContainers = (rounds: Round[], absent?: Record<string, string>) =>
    judgeBars({ bars: containerBars, rounds, ...(absent && { absent }) });

  test('are two ratios and a count, held exactly and not beyond', () => {
    expect(judgeContainers([first(50, 65, 195), queued(50)]).map(({ holds }) => holds)).toEqual([true, true, true]);
    expect(judgeContainers([first(50, 65.1, 195), queued(49)]).map(({ holds }) => holds)).toEqual([
      false,
      false,
      false,
    ]);
  });

  test('say once why there are no figures', () => {
    const why = Object.fromEntries(Object.values(subjects).map((name) => [name, 'no engine']));
    expect(judgeContainers([], why).map(({ holds, reason }) => [holds, reason])).toEqual(
      Array(3).fill([false, 'no engine']),
    );
  });
});

describe('the bars of egress', () => {
  const bars = egressBars(['read'], ['HTTP/2']);
  const of = (way: 'gate' | 'straight', ms: number) => egressSubject(way, 'read', 'HTTP/2', ms);
  const calls = (p50: [gate: number, straight: number], perSecond: [gate: number, straight: number]): Round => ({
    [of('gate', egressServiceMs.p50)]: { p50Ms: p50[0] },
    [of('straight', egressServiceMs.p50)]: { p50Ms: p50[1] },
    [of('gate', egressServiceMs.throughput)]: { callsPerSecond: perSecond[0] },
    [of('straight', egressServiceMs.throughput)]: { callsPerSecond: perSecond[1] },
  });

  test('are a difference of p50 and a share of throughput, held exactly and not beyond', () => {
    const good = judgeBars({ bars, rounds: [calls([1.5, 0.5], [850, 1000])] });
    expect(good.map(({ holds, reason }) => [holds, reason])).toEqual([
      [true, '1.00 ms'],
      [true, '0.85 x'],
    ]);
    const bad = judgeBars({ bars, rounds: [calls([1.51, 0.5], [849, 1000])] });
    expect(bad.map(({ holds }) => holds)).toEqual([false, false]);
  });

  test('hold where the gate is no slower at all', () => {
    expect(judgeBars({ bars, rounds: [calls([0.4, 0.5], [1010, 1000])] }).every(({ holds }) => holds)).toBe(true);
  });

  test('are there for every operation and protocol that is measured', () => {
    expect(egressBars(['read', 'write'], ['HTTP/2', 'HTTP/1.1'])).toHaveLength(8);
  });
});
