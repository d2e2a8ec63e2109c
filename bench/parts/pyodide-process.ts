/** A process of its own with plain Pyodide in Node.js, restored from its own snapshot. Answers what python-children.ts asks. */
import { loadPyodide } from 'pyodide';
import { answerQuestions, timed } from './python-children.ts';

const snapshot = (await loadPyodide({ _makeSnapshot: true })).makeMemorySnapshot();
const boot = () => loadPyodide({ _loadSnapshot: snapshot });
/** Stays, so that V8 keeps the compiled module. */
const kept = await boot();

answerQuestions({
  /** Each with the garbage of those before collected, which is in its favour. */
  async restore(count) {
    const times = [];
    for (let at = 0; at < count; at++) {
      globalThis.gc?.();
      const { value, ...time } = await timed(boot);
      if (value === kept || value.runPython('1+1') !== 2) throw new Error('no fresh interpreter');
      times.push(time);
    }
    return times;
  },
});
