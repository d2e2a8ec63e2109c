/** What the victim of all attacks runs meanwhile: it sees what is its own, and computes. */
const HONEST = `
import { readFileSync } from 'node:fs';
import { input, memory } from 'cordon';
const kept = await memory.get('secret');
export default { sum: input.numbers.reduce((a, b) => a + b, 0), kept, file: readFileSync('secret.txt', 'utf8') };
`;

const HONEST_PYTHON = `
from cordon import input, memory
with open('secret.txt') as file: text = file.read()
{'sum': sum(input['numbers']), 'kept': memory.get('secret'), 'file': text}
`;

const HONEST_SHELL = `
set -e
sum=$(($(cordon input numbers 0) + $(cordon input numbers 1) + $(cordon input numbers 2)))
cordon result "{\\"sum\\": $sum, \\"kept\\": $(cordon memory get secret), \\"file\\": \\"$(cat secret.txt)\\"}"
`;

export const honestPrograms = {
  javascript: { language: 'javascript', code: HONEST },
  python: { language: 'python', code: HONEST_PYTHON },
  container: { language: 'shell', code: HONEST_SHELL, driver: 'container' },
};
