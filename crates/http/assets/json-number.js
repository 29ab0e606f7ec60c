// Numbers in canonical JSON, as Python prints them. An integer is never converted: it stays the
// text that it is, and may have any size. A float is read as 64 bits and printed with the fewest
// digits that give the same 64 bits again: JavaScript finds the same digits as Python, but
// lays them out differently.

/** The canonical text of a number whose source text is `text`. */
export function canonicalNumber(text) {
  const isInteger = !/[.eE]/.test(text);
  if (isInteger) return text === "-0" ? "0" : text;
  return pythonFloat(Number(text));
}

/** Python's repr of a float: always with a point or an exponent, the exponent from 1e16 on and below 1e-4. */
export function pythonFloat(value) {
  if (Number.isNaN(value)) return "NaN";
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  if (!Number.isFinite(value)) return `${sign}Infinity`;
  const [mantissa, power] = Math.abs(value).toExponential().split("e");
  const digits = mantissa.replace(".", "");
  const exponent = Number(power);
  if (exponent < -4 || exponent >= 16) return sign + withExponent(digits, exponent);
  return sign + withPoint(digits, exponent);
}

/** 1, 25 and -5: `1.25e-05`. The exponent has a sign, and two digits at the least. */
function withExponent(digits, exponent) {
  const fraction = digits.length > 1 ? `.${digits.slice(1)}` : "";
  const power = String(Math.abs(exponent)).padStart(2, "0");
  return `${digits[0]}${fraction}e${exponent < 0 ? "-" : "+"}${power}`;
}

/** 1, 25 and 1: `12.5`. There is a digit on both sides of the point. */
function withPoint(digits, exponent) {
  if (exponent < 0) return `0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  return `${whole}.${digits.slice(exponent + 1) || "0"}`;
}
