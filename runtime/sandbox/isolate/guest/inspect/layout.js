// How parts are put on lines: short ones on one, many short items of a list in columns (Node.js's reduceToSingleString
// and groupArrayElements).
const combinesBelow = 6;
const longestItem = 16;

/** The whole text of an object from the texts of its parts. */
export function layOut(ctx, output, base, braces, isList, value, depth) {
  const start = base === '' ? '' : `${base} `;
  if (output.length === 0) return `${start}${braces[0]}${braces[1]}`;
  if (ctx.compact !== true) {
    if (typeof ctx.compact === 'number' && ctx.compact >= 1) {
      const entries = output.length;
      const lines = isList && entries > combinesBelow ? columns(ctx, output, value) : output;
      if (ctx.currentDepth - depth < ctx.compact && entries === lines.length) {
        const length = lines.length + ctx.indentation + braces[0].length + base.length + 10;
        if (fits(ctx, lines, length, base)) {
          const joined = lines.join(', ');
          if (!joined.includes('\n')) return `${start}${braces[0]} ${joined} ${braces[1]}`;
        }
      }
      const indent = `\n${' '.repeat(ctx.indentation)}`;
      return `${start}${braces[0]}${indent}  ${lines.join(`,${indent}  `)}${indent}${braces[1]}`;
    }
    const indent = `\n${' '.repeat(ctx.indentation)}`;
    return `${start}${braces[0]}${indent}  ${output.join(`,${indent}  `)}${indent}${braces[1]}`;
  }
  if (fits(ctx, output, 0, base))
    return `${braces[0]}${base === '' ? '' : ` ${base}`} ${output.join(', ')} ${braces[1]}`;
  const indent = `\n${' '.repeat(ctx.indentation)}`;
  return `${start}${braces[0]}${indent}  ${output.join(`,${indent}  `)}${indent}${braces[1]}`;
}

function fits(ctx, output, start, base) {
  let length = output.length + start;
  if (length + output.length > ctx.breakLength) return false;
  for (const item of output) {
    length += item.length;
    if (length > ctx.breakLength) return false;
  }
  return base === '' || !base.includes('\n');
}

function columns(ctx, output, value) {
  let total = 0;
  let longest = 0;
  let count = output.length;
  if (ctx.maxArrayLength < output.length && /more items?$/.test(output[count - 1])) count--;
  if (/^\.\.\. \d+ more items?$/.test(output[output.length - 1]) && count === output.length) count--;
  const separator = 2;
  const lengths = [];
  for (let n = 0; n < count; n++) {
    lengths[n] = output[n].length;
    total += output[n].length + separator;
    if (longest < output[n].length) longest = output[n].length;
  }
  const actual = longest + separator;
  if (!(actual * 3 + ctx.indentation < ctx.breakLength && (total / actual > 5 || longest <= combinesBelow)))
    return output;
  const bias = Math.sqrt(actual - total / output.length);
  const biased = Math.max(actual - 3 - bias, 1);
  const perLine = Math.min(
    Math.round(Math.sqrt(2.5 * biased * count) / biased),
    Math.floor((ctx.breakLength - ctx.indentation) / actual),
    ctx.compact * 4,
    longestItem - 1,
  );
  if (perLine <= 1) return output;
  const widths = [];
  for (let n = 0; n < perLine; n++) {
    let width = 0;
    for (let at = n; at < count; at += perLine) if (lengths[at] > width) width = lengths[at];
    widths.push(width + separator);
  }
  const numeric = Array.isArray(value) || ArrayBuffer.isView(value) ? onlyNumbers(value, count) : false;
  const lines = [];
  for (let n = 0; n < count; n += perLine) {
    const end = Math.min(n + perLine, count);
    let line = '';
    let at = n;
    for (; at < end - 1; at++) {
      const item = `${output[at]}, `;
      line += numeric ? item.padStart(widths[at - n]) : item.padEnd(widths[at - n]);
    }
    line += numeric ? output[at].padStart(widths[at - n] - separator) : output[at];
    lines.push(line);
  }
  for (let n = count; n < output.length; n++) lines.push(output[n]);
  return lines;
}

function onlyNumbers(value, count) {
  for (let n = 0; n < count && n < value.length; n++)
    if (typeof value[n] !== 'number' && typeof value[n] !== 'bigint') return false;
  return true;
}
