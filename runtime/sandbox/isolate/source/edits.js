// Text edits that remember how columns moved, so that a stack can be told in the guest's own positions.

/** Edits of one source text. Replacements keep the line count; only columns may move. */
export function createEdits(source) {
  const list = [];
  return {
    /**
     * Replaces [start, end) by `text`, which has as many newlines as what it replaces. V8 places the call of a
     * parenthesized callee behind it; `isCallee` moves that place back to its start.
     */
    replace(start, end, text, isCallee = false) {
      list.push({ start, end, text, isCallee, order: list.length });
    },
    /** Puts spaces over [start, end), keeping newlines; `;` first keeps statements apart. */
    blank(start, end, first = '') {
      const blanked = source.slice(start, end).replace(/[^\n\r\u2028\u2029]/g, ' ');
      list.push({ start, end, text: first + blanked.slice(first.length), order: list.length });
    },
    /**
     * The new text and, per line (from 1), where columns moved: `{"3": [[column, delta], ...]}` means that from
     * generated column (from 1) `column` on, the original column is `generated - delta`.
     */
    apply(prefix) {
      list.sort((a, b) => a.start - b.start || a.end - b.end || a.order - b.order);
      const shifts = {};
      let line = 1;
      let column = 1 + prefix.length;
      let delta = prefix.length;
      if (delta > 0) shifts[1] = [[column, delta]];
      let code = prefix;
      let at = 0;
      const advance = (text) => {
        const lines = text.split(/\r\n|[\n\r\u2028\u2029]/);
        if (lines.length > 1) {
          line += lines.length - 1;
          column = 1;
          delta = 0;
        }
        column += lines[lines.length - 1].length;
        code += text;
      };
      for (const edit of list) {
        if (edit.start < at) continue;
        advance(source.slice(at, edit.start));
        const before = edit.end - edit.start;
        advance(edit.text);
        at = edit.end;
        if (edit.text.length !== before) {
          delta += edit.text.length - before;
          shifts[line] ??= [];
          if (edit.isCallee) shifts[line].push([column, delta + before], [column + 1, delta]);
          else shifts[line].push([column, delta]);
        }
      }
      advance(source.slice(at));
      return { code, shifts };
    },
  };
}

/** Answers [line, column] of an offset, both from 1; offsets are asked for in rising order. */
export function placesIn(source) {
  const newlines = source.matchAll(/\r\n|[\n\r\u2028\u2029]/g);
  let line = 1;
  let lineStart = 0;
  let next = newlines.next().value;
  return (offset) => {
    while (next !== undefined && next.index < offset) {
      line++;
      lineStart = next.index + next[0].length;
      next = newlines.next().value;
    }
    return [line, offset - lineStart + 1];
  };
}
