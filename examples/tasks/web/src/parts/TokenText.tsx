import type { Parts } from "../jwt";

const NAMES = ["header", "payload", "signature"] as const;

/** Dots of the same length: how long each part is may be seen, what it says not. */
const mask = (text: string): string => text.slice(0, 3) + "•".repeat(Math.max(0, text.length - 3));

/** The three parts in their colours. */
export function TokenText({ parts, shown }: { parts: Parts; shown: boolean }) {
  return (
    <p className="token" data-shown={shown}>
      <span className="sr-only">{shown ? "Token: " : "Token, masked: "}</span>
      {NAMES.map((name, index) => (
        <span key={name}>
          {index > 0 && <span className="dot">.</span>}
          <span className={`part-${name}`}>{shown ? parts.text[index] : mask(parts.text[index] ?? "")}</span>
        </span>
      ))}
    </p>
  );
}
