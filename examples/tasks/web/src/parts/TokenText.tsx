import type { Parts } from "../jwt";

const NAMES = ["header", "payload", "signature"] as const;

/** Replace all but the first characters by dots, so that only the length can be seen. */
const mask = (text: string): string => text.slice(0, 3) + "•".repeat(Math.max(0, text.length - 3));

/** Number of characters of each part in the brief form. */
const BRIEF = [7, 14, 9] as const;

/** Shows the three parts in their colours. *brief* fits into one line. */
export function TokenText({ parts, shown, brief = false }: { parts: Parts; shown: boolean; brief?: boolean }) {
  const cut = (text: string, index: number): string => (brief ? text.slice(0, BRIEF[index]) : text);
  return (
    <p className="token" data-shown={shown}>
      <span className="sr-only">{shown ? "Token: " : "Token, masked: "}</span>
      {NAMES.map((name, index) => (
        <span key={name}>
          {index > 0 && <span className="dot">.</span>}
          <span className={`part-${name}`}>
            {shown ? parts.text[index] : cut(mask(parts.text[index] ?? ""), index)}
          </span>
        </span>
      ))}
    </p>
  );
}
