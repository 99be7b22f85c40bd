import { useState } from "react";

import { Icon } from "./Icon";

interface Props {
  text: () => string;
  label: string;
  /** What is copied, for those who do not see what the button stands beside. */
  of?: string;
}

/** Copies a text and says so. Without the clipboard (plain http in a LAN) it says that instead. */
export function CopyButton({ text, label, of }: Props) {
  const [said, setSaid] = useState("");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text());
      setSaid("Copied");
    } catch {
      setSaid("Not allowed here");
    }
    setTimeout(() => setSaid(""), 2000);
  };
  return (
    <button type="button" className="quiet small" onClick={() => void copy()}>
      <Icon name={said === "Copied" ? "check" : "copy"} />
      <span aria-live="polite">{said || label}</span>
      {of && <span className="sr-only"> of {of}</span>}
    </button>
  );
}
