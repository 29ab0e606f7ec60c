// One thing that was looked at: which rule (by the name that the node gives it too), whether it
// holds, in words, and what was expected and found.

export const finding = (rule, holds, says, expected, found) =>
  ({ rule, holds, says, expected: `${expected}`, found: `${found}` });
