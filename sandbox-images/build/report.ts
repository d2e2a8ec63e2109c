/** Progress of a build, for a person at a terminal or a log. */
export interface Report {
  /** Says that the step runs, what it is at, and how long it took. Errors: those of the work. */
  step<T>(image: string, what: string, work: (say: (line: string) => void) => Promise<T>): Promise<T>;
  note(image: string, text: string): void;
}

/** `terminal`: one line is rewritten each second; otherwise a line comes every ten. */
export function createReport(write: (text: string) => void, terminal: boolean): Report {
  const label = (image: string) => image.padEnd(8);
  return {
    async step(image, what, work) {
      const start = performance.now();
      const seconds = (digits: number) => ((performance.now() - start) / 1000).toFixed(digits);
      let at = '';
      const show = () => {
        const line = `${label(image)}${what}, ${seconds(0)} s  ${at}`.slice(0, 118);
        write(terminal ? `\r\x1b[K${line}` : `${line}\n`);
      };
      const timer = setInterval(show, terminal ? 1000 : 10_000);
      if (terminal) show();
      const end = (word: string) =>
        write(`${terminal ? '\r\x1b[K' : ''}${label(image)}${what}: ${word} ${seconds(1)} s\n`);
      try {
        const result = await work((line) => {
          at = line.trim();
        });
        end('done in');
        return result;
      } catch (error) {
        end('FAILED after');
        throw error;
      } finally {
        clearInterval(timer);
      }
    },
    note: (image, text) => write(`${label(image)}${text}\n`),
  };
}
